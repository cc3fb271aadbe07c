use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn partition(number: i32) -> Partition {
    Partition { topic: "camera_1".into(), number }
}

fn assigned() -> (Tracker, Partition) {
    let mut tracker = Tracker::default();
    tracker.assign(partition(0));
    (tracker, partition(0))
}

#[test]
fn the_prefix_stops_at_an_unfinished_record() {
    let (mut tracker, p) = assigned();
    let epoch = tracker.take(&p, 10, 1).unwrap();
    tracker.take(&p, 11, 2);
    tracker.take(&p, 15, 1);
    tracker.entry_ended(&p, epoch, 15);
    tracker.entry_ended(&p, epoch, 11);
    assert_eq!(tracker.committable(&p), None);
    tracker.entry_ended(&p, epoch, 10);
    assert_eq!(tracker.committable(&p), Some(11), "one of two models is not done");
    tracker.entry_ended(&p, epoch, 11);
    assert_eq!((tracker.committable(&p), tracker.waiting(&p)), (Some(16), 0));
}

#[test]
fn a_prefix_is_handed_out_once_unless_its_commit_fails() {
    let (mut tracker, p) = assigned();
    let epoch = tracker.take(&p, 0, 1).unwrap();
    tracker.entry_ended(&p, epoch, 0);
    assert_eq!(tracker.take_uncommitted(), [(p.clone(), 1)]);
    assert_eq!(tracker.take_uncommitted(), []);
    tracker.commit_failed(&p);
    assert_eq!(tracker.take_uncommitted(), [(p, 1)]);
}

#[test]
fn an_earlier_assignment_no_longer_counts() {
    let (mut tracker, p) = assigned();
    let old = tracker.take(&p, 5, 1).unwrap();
    tracker.revoke(&p);
    assert_eq!(tracker.take(&p, 6, 1), None, "not assigned");
    tracker.assign(p.clone());
    let new = tracker.take(&p, 5, 1).unwrap();
    tracker.entry_ended(&p, old, 5);
    assert_eq!(tracker.committable(&p), None);
    tracker.entry_ended(&p, new, 5);
    assert_eq!(tracker.committable(&p), Some(6));
}

#[test]
fn a_partition_that_goes_back_begins_again() {
    let (mut tracker, p) = assigned();
    let before = tracker.take(&p, 100, 1).unwrap();
    let after = tracker.take(&p, 3, 1).unwrap();
    tracker.entry_ended(&p, before, 100);
    assert_eq!((tracker.committable(&p), tracker.position(&p)), (None, Some(4)));
    tracker.entry_ended(&p, after, 3);
    assert_eq!(tracker.committable(&p), Some(4));
}

#[test]
fn a_skipped_range_is_done_like_a_record_and_passes_nothing_in_flight() {
    let (mut tracker, p) = assigned();
    assert_eq!(tracker.skip(&p, 50, 1), None, "nothing was taken");
    let epoch = tracker.take(&p, 10, 1).unwrap();
    assert_eq!(tracker.skip(&p, 11, 1), None, "nothing lies between");
    let skipped = tracker.skip(&p, 50, 2).unwrap();
    assert_eq!(skipped, Skipped { epoch, first: 11, records: 39 });
    assert_eq!((tracker.position(&p), tracker.waiting(&p)), (Some(50), 2));
    tracker.entry_ended(&p, epoch, 11);
    tracker.entry_ended(&p, epoch, 11);
    assert_eq!(tracker.committable(&p), None, "a record before it is in flight");
    tracker.entry_ended(&p, epoch, 10);
    assert_eq!((tracker.committable(&p), tracker.waiting_in_all()), (Some(50), 0));
}

#[test]
fn skipped_records_that_still_come_are_not_served() {
    let (mut tracker, p) = assigned();
    let epoch = tracker.take(&p, 10, 1).unwrap();
    tracker.skip(&p, 50, 1).unwrap();
    assert_eq!([11, 30, 49].map(|offset| tracker.take(&p, offset, 1)), [None; 3]);
    assert_eq!(tracker.skip(&p, 60, 1).unwrap().first, 50);
    assert_eq!([11, 59].map(|offset| tracker.take(&p, offset, 1)), [None; 2], "of both ranges");
    assert_eq!(tracker.take(&p, 60, 1), Some(epoch));
    assert_ne!(tracker.take(&p, 30, 1), Some(epoch), "from here on, that is going back");
    let (mut tracker, p) = assigned();
    let epoch = tracker.take(&p, 10, 1).unwrap();
    tracker.skip(&p, 50, 1).unwrap();
    assert!(tracker.take(&p, 3, 1).is_some_and(|other| other != epoch), "before the range too");
}

#[test]
fn where_nothing_was_committed_the_beginning_is() {
    let (mut tracker, p) = assigned();
    tracker.begin(&p, 7);
    assert_eq!(tracker.take_uncommitted(), [(p.clone(), 7)]);
    let epoch = tracker.take(&p, 9, 1).unwrap();
    assert_eq!(tracker.take_uncommitted(), []);
    tracker.entry_ended(&p, epoch, 9);
    assert_eq!(tracker.take_uncommitted(), [(p, 10)]);
}

#[derive(Debug, Clone)]
enum Step {
    Take { partition: i32, gap: i64, entries: usize },
    Skip { partition: i32, records: i64, entries: usize },
    End { pick: prop::sample::Index },
    Reassign { partition: i32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3, 0..3_i64, 1..4_usize)
            .prop_map(|(partition, gap, entries)| Step::Take { partition, gap, entries }),
        1 => (0..3, 1..9_i64, 1..4_usize)
            .prop_map(|(partition, records, entries)| Step::Skip { partition, records, entries }),
        8 => any::<prop::sample::Index>().prop_map(|pick| Step::End { pick }),
        1 => (0..3).prop_map(|partition| Step::Reassign { partition }),
    ]
}

/// What the tracker is to know of one partition, kept the obvious way.
#[derive(Default)]
struct Reference {
    /// Entries that have not ended, by the first offset of the record or skipped range.
    outstanding: BTreeMap<i64, usize>,
    /// The offset behind each.
    ends: BTreeMap<i64, i64>,
    next: i64,
    committable: Option<i64>,
}

impl Reference {
    fn expected(&mut self) -> Option<i64> {
        let first_open =
            self.outstanding.iter().find(|(_, left)| **left > 0).map(|(offset, _)| *offset);
        let done = self.outstanding.range(..first_open.unwrap_or(i64::MAX)).next_back();
        self.committable = done.map(|(first, _)| self.ends[first]).or(self.committable);
        self.committable
    }
}

proptest! {
    #[test]
    fn in_any_order_it_is_the_contiguous_prefix_of_this_epoch(
        steps in prop::collection::vec(step(), 1..200)
    ) {
        let mut tracker = Tracker::default();
        let mut references: [Reference; 3] = Default::default();
        (0..3).for_each(|number| tracker.assign(partition(number)));
        // Entries under way: partition, epoch, offset, and whether that epoch still lasts.
        let mut open: Vec<(i32, Epoch, i64, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Take { partition: number, gap, entries } => {
                    let reference = &mut references[number as usize];
                    let offset = reference.next + gap;
                    reference.next = offset + 1;
                    reference.outstanding.insert(offset, entries);
                    reference.ends.insert(offset, offset + 1);
                    let epoch = tracker.take(&partition(number), offset, entries).unwrap();
                    open.extend(std::iter::repeat_n((number, epoch, offset, true), entries));
                }
                Step::Skip { partition: number, records, entries } => {
                    let reference = &mut references[number as usize];
                    let next = reference.next + records;
                    let skipped = tracker.skip(&partition(number), next, entries);
                    prop_assert_eq!(skipped.is_none(), reference.ends.is_empty());
                    let Some(Skipped { epoch, first, records: found }) = skipped else { continue };
                    prop_assert_eq!((first, found), (reference.next, records as u64));
                    reference.next = next;
                    reference.outstanding.insert(first, entries);
                    reference.ends.insert(first, next);
                    open.extend(std::iter::repeat_n((number, epoch, first, true), entries));
                }
                Step::End { pick } if !open.is_empty() => {
                    let (number, epoch, offset, lasts) = open.swap_remove(pick.index(open.len()));
                    tracker.entry_ended(&partition(number), epoch, offset);
                    if lasts {
                        *references[number as usize].outstanding.get_mut(&offset).unwrap() -= 1;
                    }
                }
                Step::End { .. } => {}
                Step::Reassign { partition: number } => {
                    tracker.revoke(&partition(number));
                    tracker.assign(partition(number));
                    // The next owner begins at the committed offset: the same offsets come again.
                    references[number as usize] = Reference::default();
                    open.iter_mut().filter(|e| e.0 == number).for_each(|e| e.3 = false);
                }
            }
            for number in 0..3 {
                let expected = references[number as usize].expected();
                prop_assert_eq!(tracker.committable(&partition(number)), expected);
            }
            let waiting: usize = (0..3).map(|number| tracker.waiting(&partition(number))).sum();
            prop_assert_eq!(tracker.waiting_in_all(), waiting);
        }
    }
}
