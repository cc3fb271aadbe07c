//! Reads YAML within bounds, and says in a policy's words what YAML and the types of the keys forbid.

use serde::de::DeserializeOwned;
use serde_saphyr::{
    DefaultMessageFormatter, DuplicateKeyPolicy, Error, MessageFormatter, NonFiniteFloatPolicy,
    Options, from_str_with_options,
};

use super::errors::{Finding, Position, Subject, quote};
use super::nearest::instead;

/// Reads `text`; the first thing that does not fit is the finding.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Finding> {
    from_str_with_options(text, options(DuplicateKeyPolicy::Error))
        .map_err(|error| finding(error.without_snippet()))
}

/// Reads `text` with repeated keys and any number.
pub(super) fn read_loosely<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_str_with_options(text, options(DuplicateKeyPolicy::PassThrough))
}

/// More than any policy needs, and less than what would hurt.
fn options(duplicate_keys: DuplicateKeyPolicy) -> Options {
    serde_saphyr::options! {
        duplicate_keys: duplicate_keys,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            flow_nesting_limit: 32,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_events: 200_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
    }
}

fn finding(error: &Error) -> Finding {
    let position = error.location().and_then(Position::of);
    let lacking = matches!(error, Error::SerdeMissingField { .. }); // located at the mapping's last key
    let subject = if lacking { Subject::Lacking } else { Subject::Value };
    Finding { position, subject, reason: reason(error) }
}

fn reason(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => reason(error),
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("unknown key {}; {}", quote(field), instead(field, expected.iter().copied()))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!(
                "{} is not accepted; {}",
                quote(variant),
                instead(variant, expected.iter().copied())
            )
        }
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing; write it"),
        Error::DuplicateMappingKey { key, .. } => {
            format!(
                "the key {} is given twice; keep one",
                quote(key.as_deref().unwrap_or_default())
            )
        }
        Error::Unexpected { expected, .. } => expected_shape(expected),
        Error::InvalidBooleanStrict { .. } => "expected true or false".to_owned(),
        Error::UnexpectedValueForUnitEnumVariant { .. } => {
            "nothing may follow this word; write it alone".to_owned()
        }
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            "one key is expected here; begin a new item with `- ` for the next".to_owned()
        }
        Error::MultipleDocuments { .. } => {
            "a policy is one document; remove `---` and what follows".to_owned()
        }
        Error::Budget { .. } => {
            "nested too deeply or too large for a policy; make it simpler".to_owned()
        }
        Error::NullIntoString { .. } => {
            "a value is missing here; write one, or remove the key".to_owned()
        }
        other => DefaultMessageFormatter.format_message(other).replace(char::is_control, " "),
    }
}

/// The reader's names of shapes, in words.
fn expected_shape(shape: &str) -> String {
    match shape {
        "string scalar" => "expected a single value, not a mapping or list".to_owned(),
        "mapping start" => "expected a mapping: `key: value`, one per line".to_owned(),
        "sequence start" => "expected a list: `- item`, one per line".to_owned(),
        other => format!("expected {other}"),
    }
}
