use std::collections::BTreeSet;

use super::harness::{Harness, LONG, TOPIC, until};
use crate::ingest::OutcomeKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_away_and_comes_back_loses_nothing() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..20).await;
    let mut entries = Vec::new();
    for _ in 0..20 {
        entries.push(harness.entry().await);
    }
    harness.broker.go_down().unwrap();
    for entry in entries {
        entry.succeed();
        assert_eq!(
            harness.end().await,
            OutcomeKind::Delivered,
            "delivery does not need the broker"
        );
    }
    harness.broker.come_up().unwrap();
    harness.produce_numbered(20..40).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 20 {
        let entry = harness.entry().await;
        seen.insert(entry.uri.clone());
        entry.succeed();
    }
    harness.committed(40).await;
    let ids: BTreeSet<String> = harness.sink.ids(40).await.into_iter().collect();
    assert_eq!(ids, (0..40).map(|offset| format!("{TOPIC}:0:{offset}:detector")).collect());
    assert!(ingest.healthy());
    ingest.finish(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_fails_holds_the_offset_until_it_works() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..3).await;
    harness.entry().await.succeed();
    harness.committed(1).await;
    harness.sink.fail(true);
    harness.entry().await.succeed();
    harness.entry().await.succeed();
    let failures = "framegate_ingest_delivery_failures_total{";
    until(|| harness.metric(failures) >= 3.0).await;
    assert_eq!(harness.committed_now(), Some(1));
    assert_eq!(harness.sink.ids(1).await.len(), 1);
    harness.sink.fail(false);
    harness.committed(3).await;
    assert_eq!(harness.sink.ids(3).await.len(), 3);
    ingest.finish(LONG).await;
}
