use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::options::RecordFormat;

/// A frame reference as a camera sends it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Record {
    /// `NAME:key` of the frame.
    pub(super) uri: String,
    /// The camera's id, which is also its topic and the record's key.
    pub(super) camera_id: Arc<str>,
    /// When the frame was sent: RFC 3339 in UTC, to the microsecond.
    pub(super) captured_at: String,
    /// The camera's count of frames, from 1.
    pub(super) sequence: u64,
}

/// A record that the broker has, as it is logged.
#[derive(Debug, Serialize)]
pub(super) struct Acknowledged {
    #[serde(flatten)]
    pub(super) record: Record,
    pub(super) topic: Arc<str>,
    #[serde(flatten)]
    pub(super) position: Position,
}

/// Where in a topic the broker put a record.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Position {
    pub(super) partition: i32,
    /// Absent when the acknowledgement was lost and the broker, asked again, only said that it has
    /// the record already.
    pub(super) offset: Option<i64>,
}

impl Record {
    /// The record's value. An error cannot happen with these fields, and is handed on all the same.
    pub(super) fn value(&self, format: RecordFormat) -> serde_json::Result<Vec<u8>> {
        match format {
            RecordFormat::Json => serde_json::to_vec(self),
            RecordFormat::Text => Ok(self.uri.clone().into_bytes()),
        }
    }
}

/// RFC 3339 in UTC with all six digits, so that capture times sort as text.
pub(super) fn capture_time(now: Timestamp) -> String {
    format!("{now:.6}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn record() -> Record {
        Record {
            uri: "frames:clips/vtest-0123456789ab/000001.jpg".to_owned(),
            camera_id: "camera_1".into(),
            captured_at: capture_time("2026-11-22T10:00:00.25Z".parse().unwrap()),
            sequence: 7,
        }
    }

    #[test]
    fn json_has_the_documented_names() {
        let value = String::from_utf8(record().value(RecordFormat::Json).unwrap()).unwrap();
        assert_eq!(
            value,
            r#"{"uri":"frames:clips/vtest-0123456789ab/000001.jpg","camera_id":"camera_1","captured_at":"2026-11-22T10:00:00.250000Z","sequence":7}"#
        );
    }

    #[test]
    fn text_is_the_reference() {
        assert_eq!(record().value(RecordFormat::Text).unwrap(), record().uri.as_bytes());
    }

    #[test]
    fn an_acknowledged_line_adds_where_it_is() {
        let position = Position { partition: 0, offset: Some(41) };
        let line = Acknowledged { record: record(), topic: "camera_1".into(), position };
        let line = serde_json::to_value(line).unwrap();
        let expected = serde_json::json!({
            "uri": "frames:clips/vtest-0123456789ab/000001.jpg", "camera_id": "camera_1", "sequence": 7,
            "captured_at": "2026-11-22T10:00:00.250000Z", "topic": "camera_1", "partition": 0, "offset": 41,
        });
        assert_eq!(line, expected);
    }
}
