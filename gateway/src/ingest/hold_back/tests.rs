use std::collections::BTreeSet;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::{
    ingest::{
        delivery::Message,
        outcome::{DropReason, OutcomeKind},
        testing,
        tracker::Tracker,
    },
    sink::{About, SinkRecord},
};

fn partition(number: i32) -> Partition {
    Partition { topic: "camera_1".into(), number }
}

fn source(number: i32, offset: i64) -> Source {
    Source { partition: partition(number), offset }
}

/// A shelf with partition 0, and its stay.
fn entered() -> (Shelves<i64>, Tracker, Epoch) {
    let (mut shelves, mut tracker) = (Shelves::default(), Tracker::default());
    tracker.assign(partition(0));
    let epoch = tracker.take(&partition(0), 0, 1).unwrap();
    shelves.enter(&partition(0), epoch);
    (shelves, tracker, epoch)
}

#[test]
fn only_what_is_below_the_offset_leaves_and_once() {
    let (mut shelves, _, epoch) = entered();
    for offset in [4, 2, 3, 2] {
        assert!(shelves.put(&source(0, offset), epoch, offset));
    }
    assert_eq!(shelves.take(&[(partition(0), 4)]), [2, 2, 3]);
    assert_eq!(shelves.take(&[(partition(0), 4), (partition(1), 9)]), [0_i64; 0]);
    assert_eq!(shelves.take(&[(partition(0), 5)]), [4]);
}

#[test]
fn what_is_of_an_earlier_stay_is_dropped() {
    let (mut shelves, mut tracker, old) = entered();
    shelves.put(&source(0, 0), old, 0);
    shelves.leave(&partition(0));
    assert!(!shelves.put(&source(0, 1), old, 1), "revoked");
    tracker.assign(partition(0));
    let new = tracker.take(&partition(0), 0, 1).unwrap();
    shelves.enter(&partition(0), new);
    assert!(!shelves.put(&source(0, 0), old, 0), "late");
    assert!(shelves.put(&source(0, 0), new, 7));
    shelves.enter(&partition(0), new);
    assert_eq!(shelves.take(&[(partition(0), 1)]), [7]);
}

/// The entry at offset 7 of partition 0, with a result of `bytes`.
fn ended(entry: crate::ingest::entry::Entry, bytes: usize) -> Ended {
    let record =
        SinkRecord { camera_id: "yard".into(), about: About::default(), json: vec![b' '; bytes] };
    Ended {
        entry,
        outcome: OutcomeKind::Dropped(DropReason::Nth),
        answered_at: Instant::now(),
        message: Message::Result(record),
    }
}

#[test]
fn bytes_are_those_of_what_is_held() {
    let in_flight = InFlight::new(10);
    let hold_back = HoldBack::new(Arc::clone(&in_flight), true);
    let entry = testing::entry("detector");
    let taken = Arc::clone(&entry.taken);
    hold_back.enter(&taken.source.partition, taken.epoch);
    let empty = ended(entry.clone(), 0).message.bytes();
    hold_back.put(ended(entry.clone(), 1000));
    hold_back.put(ended(entry.clone(), 500));
    assert_eq!(in_flight.bytes(), 1500 + 2 * empty);
    let held = hold_back.take(&[(taken.source.partition.clone(), 8)]);
    assert_eq!((held.len(), in_flight.bytes()), (2, 1500 + 2 * empty), "until it is written");
    hold_back.put_back(held);
    assert_eq!(in_flight.bytes(), 1500 + 2 * empty);
    hold_back.leave(&taken.source.partition);
    hold_back.put(ended(entry, 500));
    assert_eq!(in_flight.bytes(), 0);
}

#[test]
fn it_holds_all_when_nothing_else_of_its_records_is_left() {
    let in_flight = InFlight::new(10);
    let hold_back = HoldBack::new(Arc::clone(&in_flight), false);
    assert!(hold_back.holds_all_in_flight());
    let entry = testing::entry_in(&in_flight, "detector");
    hold_back.enter(&entry.taken.source.partition, entry.taken.epoch);
    let other = entry.clone();
    assert!(!hold_back.holds_all_in_flight());
    hold_back.put(ended(entry, 1));
    assert!(!hold_back.holds_all_in_flight(), "another model has not ended");
    drop(other);
    assert!(hold_back.holds_all_in_flight());
}

proptest! {
    /// With the tracker, as the consumer uses them: whatever the order in which entries end, a
    /// result leaves only once its record is in the prefix, and exactly once.
    #[test]
    fn each_leaves_once_and_never_ahead_of_the_prefix(
        ends in Just((0..40).collect::<Vec<i64>>()).prop_shuffle(),
        commits in prop::collection::vec(any::<bool>(), 40),
        fails in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (mut shelves, mut tracker) = (Shelves::default(), Tracker::default());
        (0..2).for_each(|number| tracker.assign(partition(number)));
        let place = |n: i64| source((n % 2) as i32, n / 2);
        let mut epochs = HashMap::new();
        for n in 0..40 {
            let Source { partition, offset } = place(n);
            let epoch = tracker.take(&partition, offset, 1).unwrap();
            shelves.enter(&partition, epoch);
            epochs.insert(partition, epoch);
        }
        let (mut done, mut written) = (BTreeSet::new(), BTreeSet::new());
        for (step, n) in ends.into_iter().enumerate() {
            let at = place(n);
            let epoch = epochs[&at.partition];
            prop_assert!(shelves.put(&at, epoch, n));
            tracker.entry_ended(&at.partition, epoch, at.offset);
            done.insert(n);
            if !commits[step] && step < 39 {
                continue;
            }
            let offsets = tracker.take_uncommitted();
            let taken = shelves.take(&offsets);
            for n in &taken {
                let below: Vec<i64> = (0..*n).filter(|other| other % 2 == n % 2).collect();
                prop_assert!(below.iter().all(|other| done.contains(other)), "ahead of the prefix");
            }
            if fails[step] && step < 39 {
                offsets.iter().for_each(|(partition, _)| tracker.commit_failed(partition));
                for n in taken {
                    shelves.put(&place(n), epochs[&place(n).partition], n);
                }
            } else {
                for n in taken {
                    prop_assert!(written.insert(n), "twice");
                }
                for (partition, offset) in &offsets {
                    let number = i64::from(partition.number);
                    let all = (0..*offset).all(|o| written.contains(&(o * 2 + number)));
                    prop_assert!(all, "an offset without its results");
                }
            }
        }
        prop_assert_eq!(written.len(), 40);
    }
}
