//! `record:` where a Kafka record keeps what a reference needs.

use super::checks::Checks;
use super::errors::quote;
use super::key::TextKey;
use super::raw::{RawRecord, Text};

/// The longest selector or prefix, in bytes.
const LONGEST: usize = 1024;

const SELECTOR: TextKey = TextKey::new("JSON pointer or header name");
pub(super) const URI: TextKey = SELECTOR.or("/uri");
pub(super) const CAMERA_ID: TextKey = SELECTOR.or("/camera_id");
pub(super) const CAPTURED_AT: TextKey = SELECTOR.or("/captured_at");
pub(super) const SEQUENCE: TextKey = SELECTOR.or("/sequence");
pub(super) const MODELS: TextKey = SELECTOR.or("/models");
pub(super) const URI_PREFIX: TextKey = TextKey::new("text").or_words("none");

/// Where a Kafka record keeps what a reference needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordMap {
    /// The frame's reference. Default `/uri`.
    pub uri: Selector,
    /// The camera. Default `/camera_id`.
    pub camera_id: Selector,
    /// The time of capture. Default `/captured_at`.
    pub captured_at: Selector,
    /// The frame's number within its camera. Default `/sequence`.
    pub sequence: Selector,
    /// The models that are asked for. Default `/models`.
    pub models: Selector,
    /// What is put before the record's `uri`. Default empty.
    pub uri_prefix: String,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A JSON pointer (RFC 6901) into the record's value; begins with `/`.
    Pointer(String),
    /// The name of a header of the record.
    Header(String),
}

impl RecordMap {
    pub(super) fn resolve(raw: &RawRecord, checks: &mut Checks) -> Self {
        let mut selector = |written, key| Selector::resolve(written, key, checks);
        Self {
            uri: selector(&raw.uri, URI),
            camera_id: selector(&raw.camera_id, CAMERA_ID),
            captured_at: selector(&raw.captured_at, CAPTURED_AT),
            sequence: selector(&raw.sequence, SEQUENCE),
            models: selector(&raw.models, MODELS),
            uri_prefix: prefix(&raw.uri_prefix, checks),
        }
    }
}

impl Selector {
    fn resolve(written: &Option<Text>, key: TextKey, checks: &mut Checks) -> Self {
        let Some(text) = written else { return Self::Pointer(key.default.to_owned()) };
        let selector =
            checks.text(text, "a JSON pointer such as /uri, or a header's name,", LONGEST);
        if !selector.starts_with('/') {
            return Self::Header(selector);
        }
        let escapes_hold = selector.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !escapes_hold {
            checks.wrong(
                text,
                format!(
                    "in a JSON pointer `~` is written `~0`, and `/` in a name `~1`; got {}",
                    quote(&selector)
                ),
            );
        }
        Self::Pointer(selector)
    }
}

fn prefix(written: &Option<Text>, checks: &mut Checks) -> String {
    match written {
        Some(text) if !text.value.is_empty() => checks.text(text, "a prefix", LONGEST),
        _ => String::new(),
    }
}
