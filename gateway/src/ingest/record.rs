//! A Kafka record becomes a [`Record`]. Pure.
//!
//! The value is either the reference itself, as plain text or as a JSON string, or a JSON object
//! whose fields the policy's `record:` names, by JSON pointer or by header. Unknown keys are
//! ignored; what nests deeper than 128 levels is refused by the JSON parser.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_proto::{ErrorCode, ServeError};

use super::fields::Fields;
use crate::policy::RecordMap;

/// What a record says: which frame, of which camera, for which models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The frame's reference, not parsed yet.
    pub uri: String,
    /// The camera: the record's own field, else its key, else its topic.
    pub camera_id: Arc<str>,
    /// When the frame was captured: the record's own field, else Kafka's timestamp if it is above
    /// zero (librdkafka's mock cluster and very old producers have none that means anything).
    pub captured_at: Option<SystemTime>,
    /// The frame's number within its camera.
    pub sequence: Option<u64>,
    /// The models it is for, each named once; absent: all that the ingest rule feeds.
    pub models: Option<Vec<Arc<str>>>,
    /// The W3C trace context of the `traceparent` header.
    pub traceparent: Option<String>,
}

/// A record as it came from the topic.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; a tombstone has none.
    pub value: Option<&'a [u8]>,
    /// Its headers in their order; of several with one name the first counts.
    pub headers: &'a [Header],
    /// Kafka's timestamp in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

/// A header of a record: its name and value.
pub type Header = (String, Option<Vec<u8>>);

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// A tombstone, or nothing but white space.
    #[error("the record has no value")]
    NoValue,
    /// The value is neither text nor JSON.
    #[error("the record's value is not UTF-8 text")]
    NotUtf8,
    /// It begins like a JSON object and is none.
    #[error("the record's value is not valid JSON")]
    BrokenJson,
    /// It is Avro, Protobuf or JSON with the prefix of Confluent's Schema Registry.
    #[error(
        "the record's value has the prefix of a schema registry; send plain text or JSON without \
         it, or put the reference into a header and name that in `record.uri`"
    )]
    SchemaRegistry,
    /// It is a list of several things, or of something else than an object.
    #[error("the record's value is a list; send one JSON object for each frame")]
    SeveralFrames,
    /// The field with the reference is absent or empty.
    #[error("the record has no frame reference where `record.uri` looks for it")]
    NoReference,
    /// More bytes than a reference can need.
    #[error("the record's value has more than {MAX_VALUE_BYTES} bytes")]
    TooLarge,
    /// A field has a value of the wrong type or out of range.
    #[error("the record's {0} is not valid")]
    Field(&'static str),
}

/// A record's value holds a reference and a few fields; anything longer is no such record.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// More models than this are a fault of whoever wrote the record; it bounds a record's entries.
pub const MAX_MODELS: usize = 16;

/// Longer names are refused, because they travel with every entry and result.
const MAX_NAME_BYTES: usize = 256;

impl BadRecord {
    /// The error that the record's entries are answered with.
    pub fn error(self) -> ServeError {
        let code = match self {
            Self::NoValue
            | Self::NotUtf8
            | Self::BrokenJson
            | Self::SchemaRegistry
            | Self::SeveralFrames
            | Self::NoReference => ErrorCode::MalformedReference,
            Self::TooLarge | Self::Field(_) => ErrorCode::InvalidRequest,
        };
        ServeError::with_message(code, self.to_string())
    }
}

impl Record {
    /// Reads a record as `map` says.
    ///
    /// # Errors
    /// What keeps it from being read; then [`Record::unreadable`] still names it.
    pub fn read(raw: &RawRecord, map: &RecordMap) -> Result<Self, BadRecord> {
        let fields = Fields::of(raw, map)?;
        let reference = fields.reference(map)?;
        let camera_id = match fields.text(&map.camera_id, "camera_id")? {
            Some(name) if name.len() <= MAX_NAME_BYTES => name.into(),
            Some(_) => return Err(BadRecord::Field("camera_id")),
            None => default_camera(raw),
        };
        Ok(Self {
            uri: prefixed(&map.uri_prefix, &reference),
            camera_id,
            captured_at: fields.time(&map.captured_at)?.or_else(|| broker_time(raw.timestamp_ms)),
            sequence: fields.sequence(&map.sequence)?,
            models: fields.models(&map.models)?.map(each_once).transpose()?,
            traceparent: traceparent(raw.headers),
        })
    }

    /// What is known of a record that cannot be read.
    pub fn unreadable(raw: &RawRecord) -> Self {
        Self {
            uri: String::new(),
            camera_id: default_camera(raw),
            captured_at: broker_time(raw.timestamp_ms),
            sequence: None,
            models: None,
            traceparent: traceparent(raw.headers),
        }
    }

    /// What is known of records that were not read: the camera, as far as the topic says it.
    pub fn of_topic(topic: &Arc<str>) -> Self {
        Self {
            uri: String::new(),
            camera_id: Arc::clone(topic),
            captured_at: None,
            sequence: None,
            models: None,
            traceparent: None,
        }
    }
}

/// The reference behind its prefix, with one slash between them.
fn prefixed(prefix: &str, reference: &str) -> String {
    let reference =
        if prefix.ends_with('/') { reference.trim_start_matches('/') } else { reference };
    format!("{prefix}{reference}")
}

/// The record's key if it is a sensible name, else the topic.
fn default_camera(raw: &RawRecord) -> Arc<str> {
    raw.key
        .filter(|key| !key.is_empty() && key.len() <= MAX_NAME_BYTES)
        .and_then(|key| std::str::from_utf8(key).ok())
        .unwrap_or(raw.topic)
        .into()
}

/// When Kafka says that a record was written, if that means anything.
pub fn broker_time(timestamp_ms: Option<i64>) -> Option<SystemTime> {
    let since_1970 = u64::try_from(timestamp_ms?).ok().filter(|ms| *ms > 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since_1970))
}

/// The names without repetitions.
fn each_once(names: Vec<String>) -> Result<Vec<Arc<str>>, BadRecord> {
    let mut models: Vec<Arc<str>> = Vec::with_capacity(names.len().min(MAX_MODELS));
    for name in names {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(BadRecord::Field("models"));
        }
        if models.iter().any(|known| **known == *name) {
            continue;
        }
        if models.len() == MAX_MODELS {
            return Err(BadRecord::Field("models"));
        }
        models.push(name.into());
    }
    Ok(models)
}

/// The header's value if it has the form of <https://www.w3.org/TR/trace-context/#traceparent-header>,
/// version 00; anything else is ignored, as the specification asks.
fn traceparent(headers: &[Header]) -> Option<String> {
    let (_, value) = headers.iter().find(|(name, _)| name == "traceparent")?;
    let text = std::str::from_utf8(value.as_deref()?).ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hexadecimal =
        |part: &&str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let well_formed =
        lengths == [2, 32, 16, 2] && parts[0] == "00" && parts.iter().all(hexadecimal);
    well_formed.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
