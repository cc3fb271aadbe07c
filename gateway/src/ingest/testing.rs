//! Entries for the tests of this module.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    entry::{Entry, Original, Source, TakenRecord},
    in_flight::InFlight,
    outcome::Tries,
    record::Record,
    tracker::{Partition, Tracker},
};

/// The record of camera_1 at offset 7 of partition 0, captured at 2026-11-22T10:00:00.5Z.
pub(super) fn entry(model: &str) -> Entry {
    let partition = Partition { topic: "camera_1".into(), number: 0 };
    let mut tracker = Tracker::default();
    tracker.assign(partition.clone());
    let taken = TakenRecord {
        epoch: tracker.take(&partition, 7, 1).expect("the partition is assigned"),
        source: Source { partition, offset: 7 },
        record: Record {
            uri: "frames:a.jpg".into(),
            camera_id: "yard".into(),
            captured_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_341_600_500)),
            sequence: Some(3),
            models: None,
            traceparent: None,
        },
        original: Original::default(),
        deadline: None,
        latest: None,
        records: 1,
        _permit: InFlight::new(1).admit(0),
    };
    Entry { taken: Arc::new(taken), model: model.into(), tries: Tries::default() }
}
