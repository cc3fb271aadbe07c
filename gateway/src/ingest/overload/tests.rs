use super::*;
use crate::{
    ingest::record::RawRecord,
    policy::{RecordMap, Selector},
};

fn rule(policy: Overload) -> OverloadRule {
    OverloadRule { policy, stream: 7, taken: 0, sampler: Sampler::default() }
}

fn record(camera: &str, sequence: Option<u64>) -> Record {
    let selector = |name: &str| Selector::Pointer(format!("/{name}"));
    let map = RecordMap {
        uri: selector("uri"),
        camera_id: selector("camera_id"),
        captured_at: selector("captured_at"),
        sequence: selector("sequence"),
        models: selector("models"),
        uri_prefix: String::new(),
    };
    let raw =
        RawRecord { topic: camera, key: None, value: Some(b"a"), headers: &[], timestamp_ms: None };
    Record { sequence, ..Record::read(&raw, &map).unwrap() }
}

/// The numbers of those that are spared.
fn spared(rule: &mut OverloadRule, records: &[Record]) -> Vec<usize> {
    (0..records.len()).filter(|&number| rule.spares(&records[number])).collect()
}

#[test]
fn a_sequence_decides_wherever_it_begins() {
    let records: Vec<_> = (5..15).map(|sequence| record("a", Some(sequence))).collect();
    let spared = spared(&mut rule(Overload::EveryNth(3)), &records);
    assert_eq!(spared, [1, 4, 7], "6, 9 and 12, though others were not seen before");
}

#[test]
fn without_a_sequence_each_camera_is_counted() {
    let cameras = ["a", "b", "a", "a", "b", "a", "a", "b", "b"];
    let records: Vec<_> = cameras.iter().map(|camera| record(camera, None)).collect();
    assert_eq!(spared(&mut rule(Overload::EveryNth(3)), &records), [0, 1, 5, 8]);
}

#[test]
fn the_counts_are_bounded_and_further_cameras_share_one() {
    let mut rule = rule(Overload::EveryNth(2));
    for number in 0..MAX_COUNTED_CAMERAS {
        assert!(rule.spares(&record(&number.to_string(), None)), "the first of each");
    }
    let further: Vec<_> = (0..100).map(|number| record(&format!("more {number}"), None)).collect();
    assert_eq!(spared(&mut rule, &further).len(), 50);
    assert_eq!(rule.sampler.counts.len(), MAX_COUNTED_CAMERAS);
    assert!(!rule.spares(&record("0", None)), "the count of a known camera goes on");
}

#[test]
fn the_other_policies_spare_all() {
    for policy in [Overload::ProcessAll, Overload::LatestOnly] {
        let records: Vec<_> = (0..9).map(|sequence| record("a", Some(sequence))).collect();
        assert_eq!(spared(&mut rule(policy), &records).len(), 9);
    }
}

#[test]
fn only_latest_only_replaces_and_goes_on_beside_full_queues() {
    let mut latest = rule(Overload::LatestOnly);
    let orders = [latest.taken(), latest.taken()].map(|latest| latest.unwrap());
    assert_eq!(orders, [1, 2].map(|order| Latest { stream: 7, order }));
    assert!(!latest.pauses_for_backlog());
    for policy in [Overload::ProcessAll, Overload::EveryNth(2)] {
        let mut rule = rule(policy);
        assert_eq!((rule.taken(), rule.pauses_for_backlog()), (None, true));
    }
    let parts = [Overload::ProcessAll, Overload::LatestOnly, Overload::EveryNth(4)];
    assert_eq!(parts.map(demanding_part), [1.0, 0.0, 0.25]);
}
