use super::*;
use crate::ingest::entry::{Original, Source};

fn partition(number: i32) -> Partition {
    Partition { topic: "camera_1".into(), number }
}

fn record(number: i32, offset: i64) -> Fetched {
    Fetched {
        source: Source { partition: partition(number), offset },
        timestamp_ms: None,
        original: Original { value: Some(vec![0; 10]), ..Original::default() },
    }
}

fn assigned(partitions: i32) -> Holds {
    let mut holds = Holds::default();
    (0..partitions).for_each(|number| holds.assign(partition(number)));
    holds
}

/// What changes, as if librdkafka did it: the numbers that are paused and those that are resumed.
fn change(holds: &mut Holds, all: Reading) -> [Vec<i32>; 2] {
    holds.changes(all).map(|(pause, partitions)| {
        holds.note_paused(&partitions, pause);
        let mut numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        numbers.sort_unstable();
        numbers
    })
}

/// Neither paused nor resumed.
const NOTHING: [Vec<i32>; 2] = [Vec::new(), Vec::new()];

fn next(holds: &mut Holds) -> Option<(i32, i64)> {
    holds.next().map(|record| (record.source.partition.number, record.source.offset))
}

#[test]
fn only_the_partition_that_has_its_share_is_held_and_then_paused() {
    let mut holds = assigned(2);
    holds.regulate(&partition(0), 10, 10);
    assert!(!holds.is_open(&partition(0)) && holds.is_open(&partition(1)));
    (0..32).for_each(|offset| {
        assert_eq!(change(&mut holds, Reading::Open), NOTHING, "{offset}");
        holds.hold(record(0, offset));
    });
    assert_eq!(change(&mut holds, Reading::Open), [vec![0], vec![]]);
    assert_eq!(next(&mut holds), None);
    holds.regulate(&partition(0), 5, 10);
    for offset in 0..32 {
        assert!(!holds.is_open(&partition(0)), "its held ones come first");
        assert_eq!(change(&mut holds, Reading::Open), NOTHING);
        assert_eq!(next(&mut holds), Some((0, offset)));
    }
    assert!(holds.is_open(&partition(0)));
    assert_eq!(change(&mut holds, Reading::Open), [vec![], vec![0]]);
    assert_eq!((holds.held(), holds.bytes), (0, 0));
}

#[test]
fn what_is_held_is_taken_in_turns() {
    let mut holds = assigned(3);
    for offset in 0..2 {
        (0..3).for_each(|number| holds.hold(record(number, offset)));
    }
    holds.regulate(&partition(1), 1, 1);
    let taken: Vec<_> = std::iter::from_fn(|| next(&mut holds)).collect();
    assert_eq!(taken, [(0, 0), (2, 0), (0, 1), (2, 1)]);
    holds.regulate(&partition(1), 0, 1);
    assert_eq!((next(&mut holds), next(&mut holds)), (Some((1, 0)), Some((1, 1))));
}

#[test]
fn while_nothing_may_be_taken_all_are_paused_when_enough_is_held() {
    let mut holds = assigned(100);
    for count in 0..MAX_HELD_IN_ALL {
        assert_eq!(change(&mut holds, Reading::Shut), NOTHING, "{count}");
        holds.hold(record(count as i32 % 100, count as i64));
    }
    let [paused, _] = change(&mut holds, Reading::Shut);
    assert_eq!(paused.len(), 100);
    assert_eq!(holds.paused().count(), 100);
    while holds.next().is_some() {}
    assert_eq!(change(&mut holds, Reading::Open)[1].len(), 100);
    holds.hold(Fetched {
        original: Original { value: Some(vec![0; MAX_HELD_BYTES]), ..Original::default() },
        ..record(0, 0)
    });
    assert_eq!(change(&mut holds, Reading::Shut)[0].len(), 100, "bytes count too");
}

#[test]
fn a_partition_that_seeks_is_held_and_asked_about_once_in_a_while() {
    let (mut holds, now) = (assigned(1), Instant::now());
    assert!(holds.seek(&partition(0), now) && !holds.seek(&partition(0), now));
    assert!(!holds.is_open(&partition(0)));
    holds.hold(record(0, 0));
    assert_eq!(next(&mut holds), None);
    holds.found(&partition(0), now);
    assert!(!holds.seek(&partition(0), now), "only just now");
    holds.discard(&partition(0));
    assert!(holds.is_open(&partition(0)) && next(&mut holds).is_none());
    assert!(holds.seek(&partition(0), now + SEEK_PAUSE));
}

#[test]
fn what_has_gone_is_forgotten_and_what_comes_again_is_open() {
    let mut holds = assigned(2);
    holds.regulate(&partition(0), 1, 1);
    holds.hold(record(0, 0));
    holds.revoke(&partition(0));
    assert_eq!((holds.shut(), holds.held(), holds.all_shut()), (0, 0, false));
    holds.hold(record(0, 1));
    assert_eq!(next(&mut holds), None, "no longer ours");
    holds.assign(partition(0));
    assert!(holds.is_open(&partition(0)));
    assert_eq!(change(&mut holds, Reading::Over), [vec![0, 1], vec![]], "in a stop all are paused");
    holds.assign(partition(1));
    assert_eq!(change(&mut holds, Reading::Over), [vec![1], vec![]], "also those that come then");
    holds.note_refused();
    assert_eq!(change(&mut holds, Reading::Over), NOTHING);
}
