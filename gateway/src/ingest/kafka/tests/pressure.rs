use std::time::Duration;

use framegate_proto::ErrorCode;

use super::harness::{Harness, stop, until};
use crate::ingest::OutcomeKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_tried_again_and_holds_the_offset() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..2).await;
    let (first, second) = (harness.entry().await, harness.entry().await);
    second.succeed();
    first.fail(ErrorCode::QueueFull);
    for _ in 0..5 {
        let again = harness.entry().await;
        assert_eq!(again.uri, "0.jpg");
        again.fail(ErrorCode::NoReplica);
    }
    assert_eq!(harness.committed_now(), None, "held, more often than `attempts`");
    harness.entry().await.succeed();
    harness.committed(2).await;
    assert_eq!(harness.metric("framegate_ingest_retries_total{reason=\"NO_REPLICA\"}"), 5.0);
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_pools_pause_the_partitions_until_they_have_emptied() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..1).await;
    harness.entry().await.succeed();
    let paused = "framegate_ingest_paused_partitions{";
    harness.fill.send_replace(0.75);
    until(|| harness.metric(paused) == 1.0).await;
    harness.produce_numbered(1..200).await;
    harness.rounds(100).await;
    assert_eq!(harness.metric("framegate_ingest_held_records{"), 32.0, "then librdkafka is paused");
    assert!(harness.entries.try_recv().is_err(), "nothing is taken while paused");
    harness.fill.send_replace(0.51);
    harness.rounds(5).await;
    assert!(harness.entries.try_recv().is_err(), "nor before it has emptied to a half");
    harness.fill.send_replace(0.5);
    for number in 1..200 {
        let entry = harness.entry().await;
        assert_eq!(entry.uri, format!("{number}.jpg"), "in order, none lost, none twice");
        entry.succeed();
        // Paused and resumed again and again, for long and short.
        if number % 40 == 0 {
            harness.fill.send_replace(0.8);
            harness.rounds(if number == 80 { 100 } else { 2 }).await;
            harness.fill.send_replace(0.1);
        }
    }
    harness.committed(200).await;
    assert_eq!(harness.sink.ids(200).await.len(), 200);
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_than_max_in_flight_records_are_taken() {
    let mut harness = Harness::new(&["detector", "classifier"]);
    harness.policy.max_in_flight = 8;
    harness.policy.max_frame_age = Some(Duration::from_secs(3600));
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..100).await;
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.push(harness.entry().await);
    }
    until(|| harness.metric("framegate_ingest_lag_records{") == 92.0).await;
    assert!(harness.entries.try_recv().is_err(), "no ninth record");
    assert_eq!(harness.metric("framegate_ingest_in_flight_records{"), 8.0);
    assert!(ingest.waiting_demand() > 0.0);
    waiting.into_iter().for_each(|entry| entry.succeed());
    for _ in 16..200 {
        harness.entry().await.succeed();
    }
    for _ in 0..200 {
        assert_eq!(harness.end().await, OutcomeKind::Delivered);
    }
    harness.committed(100).await;
    stop(ingest).await;
}
