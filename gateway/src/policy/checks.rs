//! Collects what is wrong while a policy is resolved. A wrong value is reported and its default taken in its place, so
//! that the rest is checked too; nobody ever sees that default, since a policy with a finding is refused whole.

use serde_saphyr::Spanned;

use super::errors::{Finding, Position, Subject, quote};
use super::key::{Key, TextKey};
use super::raw::Text;

/// The longest name of a model or bucket, in characters.
const LONGEST_NAME: usize = 63;

/// The same as `is_name`, as a regular expression.
pub(super) const NAME: TextKey = TextKey::new("name").like("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$");

#[derive(Default)]
pub(super) struct Checks {
    findings: Vec<Finding>,
}

impl Checks {
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Something is wrong with `value`.
    pub(super) fn wrong<T>(&mut self, value: &Spanned<T>, reason: impl Into<String>) {
        self.add(value, Subject::Value, reason.into());
    }

    /// Something is wrong with what the key `name` names.
    pub(super) fn wrong_name(&mut self, name: &Text, reason: impl Into<String>) {
        self.add(name, Subject::Name, reason.into());
    }

    /// `values` do not go together: reported at the first that was written. Not reported when one of them is wrong
    /// itself, since then its default is what was compared.
    pub(super) fn wrong_together(&mut self, values: &[Option<&Text>], reason: String) {
        if let Some(first) = values.iter().flatten().next()
            && self.sound(values)
        {
            self.wrong(first, reason);
        }
    }

    /// Whether nothing was found wrong with any of `values`.
    pub(super) fn sound(&self, values: &[Option<&Text>]) -> bool {
        let wrong = |value: &Text| {
            self.findings.iter().any(|finding| finding.position == Position::of(value.defined))
        };
        !values.iter().flatten().any(|value| wrong(value))
    }

    /// The value that was written, or else the key's default; a finding when it cannot be read or is out of range.
    pub(super) fn value<N: Copy + PartialOrd>(&mut self, written: &Option<Text>, key: Key<N>) -> N {
        match written {
            Some(text) => self.required(text, key),
            None => key.default.unwrap_or(key.least),
        }
    }

    /// The value in `text`; a finding, and the default or else the least, when it cannot be read or is out of range.
    pub(super) fn required<N: Copy + PartialOrd>(&mut self, text: &Text, key: Key<N>) -> N {
        let Key { kind, least, most, .. } = key;
        let read = (kind.parse)(&text.value);
        if let Some(value) = read.filter(|value| (least..=most).contains(value)) {
            return value;
        }
        let bounds =
            || format!("{} from {} to {}", kind.noun, (kind.show)(least), (kind.show)(most));
        let wanted = kind.form.filter(|_| read.is_none()).map_or_else(bounds, str::to_owned);
        self.wrong(text, format!("{wanted}; got {}", quote(&text.value)));
        key.default.unwrap_or(least)
    }

    /// The text, where something must be written on one line of at most `longest` bytes.
    pub(super) fn text(&mut self, text: &Text, noun: &str, longest: usize) -> String {
        let value = &text.value;
        if value.is_empty() || value.len() > longest || value.contains(char::is_control) {
            self.wrong(
                text,
                format!("{noun} of 1 to {longest} bytes on one line; got {}", quote(value)),
            );
        }
        value.clone()
    }

    fn add<T>(&mut self, at: &Spanned<T>, subject: Subject, reason: String) {
        self.findings.push(Finding { position: Position::of(at.defined), subject, reason });
    }
}

/// Whether a model or bucket may be called so: in references, result ids and metrics it stands beside `:` and `/`.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
}

/// What to say about a name that is none.
pub(super) fn name_reason(name: &str) -> String {
    format!(
        "a name of letters, digits, `_`, `-` and `.`, at most {LONGEST_NAME}; got {}",
        quote(name)
    )
}
