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
    topics::TopicPlace,
    tracker::{Partition, Tracker},
};
use crate::metrics::Registry;

/// The record of camera_1 at offset 7 of partition 0, captured at 2026-11-22T10:00:00.5Z.
pub(super) fn entry(model: &str) -> Entry {
    entry_in(&InFlight::new(1), model)
}

/// The same, in flight there.
pub(super) fn entry_in(in_flight: &Arc<InFlight>, model: &str) -> Entry {
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
        topic: TopicPlace::of_test(&Registry::new().expect("a registry"), "g", "camera_1"),
        latest: None,
        records: 1,
        _permit: in_flight.admit(0),
    };
    Entry { taken: Arc::new(taken), model: model.into(), tries: Tries::default() }
}
