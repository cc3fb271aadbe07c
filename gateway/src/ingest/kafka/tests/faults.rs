use std::collections::BTreeSet;

use framegate_proto::ErrorCode;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID};

use super::harness::{DEAD, Harness, TOPIC, stop, until};
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
        // Several commits fall due while there is no broker.
        harness.rounds(2).await;
    }
    harness.broker.come_up().unwrap();
    harness.produce_numbered(20..40).await;
    // A member that was away for too long joins again, and reads again what it had not committed.
    let mut last = String::new();
    while last != "39.jpg" {
        let entry = harness.entry().await;
        last = entry.uri.clone();
        entry.succeed();
    }
    harness.committed(40).await;
    let ids: BTreeSet<String> = harness.sink.ids(40).await.into_iter().collect();
    assert_eq!(ids, (0..40).map(|offset| format!("{TOPIC}:0:{offset}:detector")).collect());
    assert!(ingest.healthy());
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_fenced_joins_anew_and_what_it_had_not_committed_is_read_again() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..3).await;
    harness.entry().await.succeed();
    harness.committed(1).await;
    let fenced = [RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID];
    harness.broker.refuse(RDKafkaApiKey::OffsetCommit, &fenced);
    harness.entry().await.succeed();
    let late = harness.entry().await;
    for uri in ["1.jpg", "2.jpg"] {
        let again = harness.entry().await;
        assert_eq!(again.uri, uri);
        again.succeed();
    }
    harness.committed(3).await;
    late.succeed();
    harness.produce_numbered(3..4).await;
    harness.entry().await.succeed();
    harness.committed(4).await;
    assert_eq!(harness.metric("framegate_ingest_lost_memberships_total{"), 1.0);
    until(|| ingest.problem().is_none()).await;
    assert!(ingest.healthy());
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_membership_that_is_lost() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..1).await;
    let entry = harness.entry().await;
    harness.broker.refuse(RDKafkaApiKey::Heartbeat, &[RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID]);
    until(|| ingest.problem().is_some()).await;
    entry.succeed();
    stop(ingest).await;
    assert_eq!(harness.committed_now(), None);
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
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_cannot_be_written_holds_the_offset() {
    let mut harness = Harness::new(&["detector"]);
    harness.broker.create_topic(DEAD, 1).unwrap();
    harness.policy.dead_letter = Some(DEAD.to_owned());
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..1).await;
    let entry = harness.entry().await;
    harness.broker.go_down().unwrap();
    entry.fail(ErrorCode::FrameUndecodable);
    harness.rounds(50).await;
    assert!(harness.ends.try_recv().is_err(), "no outcome without the broker");
    harness.broker.come_up().unwrap();
    assert_eq!(harness.end().await, OutcomeKind::DeadLettered(ErrorCode::FrameUndecodable));
    assert_eq!(harness.dead_letters(1).await.len(), 1);
    harness.committed(1).await;
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingest_whose_delivery_panics_is_unhealthy_and_gives_its_partitions_back() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..1).await;
    let entry = harness.entry().await;
    assert!(ingest.healthy() && ingest.assigned_partitions() > 0);
    harness.ends.close(); // at which the test's observer panics
    entry.succeed();
    until(|| !ingest.healthy()).await;
    until(|| ingest.assigned_partitions() == 0).await;
    assert_eq!(harness.committed_now(), None);
    stop(ingest).await;
}
