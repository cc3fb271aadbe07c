//! The form of a record: its key, its headers, and its value.

use framegate_proto::{ErrorCode, ServeError, v1};
use rdkafka::message::{Header, OwnedHeaders};
use serde_json::json;

use super::producer::Record;
use crate::sink::SinkRecord;

/// `record` for `topic`: its key is the camera, and its headers are `content-type`, `id`, `model`,
/// `camera_id` and, where there is one, `version`, `reason` (of an error or drop) and
/// `traceparent`.
pub(super) fn of<'a>(topic: &'a str, record: &'a SinkRecord, value: &'a [u8]) -> Record<'a> {
    Record {
        topic,
        partition: None,
        payload: Some(value),
        key: Some(&record.camera_id),
        timestamp: None,
        headers: Some(headers(record)),
    }
}

/// A value that stands for one that is too large: the same result with an error.
pub(crate) fn error_instead(record: &SinkRecord) -> Vec<u8> {
    let about = &record.about;
    let v1::Error { code, reason, .. } = (&ServeError::from(ErrorCode::Internal)).into();
    let message = "the result is larger than the max_message_bytes of its sink";
    let value = json!({
        "id": about.id,
        "camera_id": record.camera_id,
        "model": about.model,
        "version": about.version,
        "error": { "code": code, "reason": reason, "message": message },
    });
    value.to_string().into_bytes()
}

/// What a record is about, for readers who choose by it.
pub(crate) fn headers(record: &SinkRecord) -> OwnedHeaders {
    let about = &record.about;
    [
        ("content-type", Some("application/json")),
        ("id", Some(&*about.id)),
        ("model", Some(&*about.model)),
        ("camera_id", Some(&*record.camera_id)),
        ("version", about.version.as_deref()),
        ("reason", about.reason),
        ("traceparent", about.traceparent.as_deref()),
    ]
    .into_iter()
    .filter(|(_, value)| value.is_some())
    .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value }))
}
