use std::collections::BTreeSet;

use framegate_batcher::Latest;
use framegate_proto::ErrorCode;

use super::harness::{Harness, TOPIC, stop, until};
use crate::{
    ingest::{DropReason, OutcomeKind},
    policy::Overload,
};

fn latest(order: u64) -> Option<Latest> {
    Some(Latest { stream: 4, order })
}

fn latest_only(models: &[&str]) -> Harness {
    let mut harness = Harness::new(models);
    harness.policy.overload = Overload::LatestOnly;
    harness.policy.number = 4;
    harness
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_newer_frame_replaces_is_dropped_and_passed_by_the_offset() {
    let mut harness = latest_only(&["detector", "classifier"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..3).await;
    for number in 0..3 {
        for model in ["detector", "classifier"] {
            let entry = harness.entry().await;
            let known = (entry.uri.as_str(), &*entry.model, entry.latest);
            assert_eq!(known, (&*format!("{number}.jpg"), model, latest(number + 1)));
            if number == 2 { entry.succeed() } else { entry.fail(ErrorCode::Superseded) }
        }
    }
    let dropped = OutcomeKind::Dropped(DropReason::Superseded);
    for outcome in [dropped, dropped, dropped, dropped, OutcomeKind::Delivered] {
        assert_eq!(harness.end().await, outcome);
    }
    harness.committed(3).await;
    let counted = r#"framegate_ingest_outcomes_total{model="detector",outcome="dropped",reason="superseded"}"#;
    assert_eq!(harness.metric(counted), 2.0);
    assert_eq!(harness.sink.ids(6).await.len(), 6, "in the drop log or among the results");
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_again_keeps_its_order() {
    let mut harness = latest_only(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..2).await;
    let (first, second) = (harness.entry().await, harness.entry().await);
    first.fail(ErrorCode::QueueFull);
    let again = harness.entry().await;
    assert_eq!((again.uri.as_str(), again.latest), ("0.jpg", latest(1)));
    assert_eq!(second.latest, latest(2), "so the older one gives way to it");
    again.fail(ErrorCode::Superseded);
    assert_eq!(harness.end().await, OutcomeKind::Dropped(DropReason::Superseded));
    second.succeed();
    harness.committed(2).await;
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_pools_do_not_pause_latest_only_but_what_is_in_flight_does() {
    let mut harness = latest_only(&["detector"]);
    harness.policy.max_in_flight = 60;
    harness.fill.send_replace(1.0);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..100).await;
    let mut waiting = Vec::new();
    for _ in 0..60 {
        waiting.push(harness.entry().await);
    }
    let paused = "framegate_ingest_paused_partitions{";
    until(|| harness.metric(paused) == 1.0).await;
    assert!(harness.entries.try_recv().is_err(), "not above max_in_flight");
    until(|| harness.metric("framegate_ingest_lag_records{") == 40.0).await;
    assert_eq!(ingest.waiting_demand(), 0.0, "what is shed speaks for the demand");
    waiting.into_iter().for_each(|entry| entry.fail(ErrorCode::Superseded));
    for number in 60..100 {
        let entry = harness.entry().await;
        assert_eq!(entry.uri, format!("{number}.jpg"));
        entry.succeed();
    }
    harness.committed(100).await;
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_every_nth_the_others_are_dropped_before_any_pool_sees_them() {
    let mut harness = Harness::new(&["detector", "classifier"]);
    harness.policy.overload = Overload::EveryNth(3);
    let ingest = harness.ingest().await;
    for sequence in 5..15 {
        let value = format!(r#"{{"uri": "{sequence}.jpg", "sequence": {sequence}}}"#);
        harness.produce(value.as_bytes()).await;
    }
    harness.produce(b"{broken").await;
    let mut dropped = 0;
    let mut failed = 0;
    for _ in 0..2 * (7 + 1) {
        match harness.end().await {
            OutcomeKind::Dropped(DropReason::Nth) => dropped += 1,
            OutcomeKind::DeadLettered(ErrorCode::MalformedReference) => failed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((dropped, failed), (14, 2), "what cannot be read is never dropped in silence");
    for sequence in [6, 9, 12] {
        for _ in 0..2 {
            let entry = harness.entry().await;
            assert_eq!((entry.uri.clone(), entry.latest), (format!("{sequence}.jpg"), None));
            entry.succeed();
        }
    }
    harness.committed(11).await;
    let ids: BTreeSet<String> = harness.sink.ids(22).await.into_iter().collect();
    let all = (0..11)
        .flat_map(|offset| ["detector", "classifier"].map(|m| format!("{TOPIC}:0:{offset}:{m}")));
    assert_eq!(ids, all.collect());
    stop(ingest).await;
}
