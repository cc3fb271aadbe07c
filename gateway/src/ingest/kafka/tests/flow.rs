use std::time::Duration;

use framegate_proto::ErrorCode;
use rdkafka::Message;

use super::harness::{DEAD, Harness, headers, stop, until};
use crate::ingest::{DropReason, OutcomeKind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_model_of_every_record_is_delivered_and_committed() {
    let mut harness = Harness::new(&["detector", "classifier"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..50).await;
    for _ in 0..100 {
        harness.entry().await.succeed();
        assert_eq!(harness.end().await, OutcomeKind::Delivered);
    }
    harness.committed(50).await;
    let mut ids = harness.sink.ids(100).await;
    ids.sort();
    let mut expected: Vec<String> = (0..50)
        .flat_map(|offset| ["detector", "classifier"].map(|m| format!("camera_1:0:{offset}:{m}")))
        .collect();
    expected.sort();
    assert_eq!(ids, expected);
    let commits = r#"framegate_ingest_commits_total{group="framegate",result="acknowledged"}"#;
    until(|| harness.metric(commits) >= 1.0).await;
    assert_eq!((ingest.assigned_partitions(), ingest.healthy()), (1, true));
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_end_out_of_order_commit_only_their_prefix() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..10).await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(harness.entry().await);
    }
    let held = waiting.remove(4);
    assert_eq!(held.uri, "4.jpg");
    for entry in waiting.into_iter().rev() {
        entry.succeed();
        harness.end().await;
    }
    harness.committed(4).await;
    held.succeed();
    harness.committed(10).await;
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_records_are_dead_lettered_and_stop_nothing() {
    let mut harness = Harness::new(&["detector"]);
    harness.broker.create_topic(DEAD, 1).unwrap();
    harness.policy.dead_letter = Some(DEAD.to_owned());
    let ingest = harness.ingest().await;
    let missing = br#"{"uri": "missing.jpg", "models": ["detector"]}"#;
    for value in [b"\xff\xfe".as_slice(), b"{broken", b"good.jpg", missing] {
        harness.produce(value).await;
    }
    harness.entry().await.succeed();
    for _ in 0..2 {
        let entry = harness.entry().await;
        assert_eq!(entry.uri, "missing.jpg");
        entry.fail(ErrorCode::ObjectNotFound);
    }
    harness.committed(4).await;
    let letters = harness.dead_letters(3).await;
    let mut found: Vec<_> = letters
        .iter()
        .map(|letter| {
            let headers = headers(letter);
            assert_eq!(
                (&*headers["framegate-topic"], &*headers["framegate-partition"]),
                ("camera_1", "0")
            );
            assert_eq!(
                (letter.key(), &*headers["framegate-model"]),
                (Some(&b"gate"[..]), "detector")
            );
            assert!(!headers["framegate-message"].is_empty());
            let about =
                ["offset", "reason", "tries"].map(|h| headers[&format!("framegate-{h}")].clone());
            (about, letter.payload().unwrap().to_vec())
        })
        .collect();
    found.sort();
    let expected = [
        (["0", "MALFORMED_REFERENCE", "1"], b"\xff\xfe".as_slice()),
        (["1", "MALFORMED_REFERENCE", "1"], b"{broken"),
        (["3", "OBJECT_NOT_FOUND", "2"], missing),
    ];
    assert_eq!(found, expected.map(|(about, value)| (about.map(String::from), value.to_vec())));
    assert_eq!(harness.sink.ids(1).await, ["camera_1:0:2:detector"], "never both");
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_dead_letter_topic_the_sinks_get_the_error() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce(b"{broken").await;
    assert_eq!(harness.end().await, OutcomeKind::DeadLettered(ErrorCode::MalformedReference));
    assert_eq!(harness.sink.ids(1).await, ["camera_1:0:0:detector"]);
    harness.committed(1).await;
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_too_old_are_dropped_before_any_pool_sees_them() {
    let mut harness = Harness::new(&["detector"]);
    harness.policy.max_frame_age = Some(Duration::from_secs(3600));
    let ingest = harness.ingest().await;
    harness.produce(br#"{"uri": "old.jpg", "captured_at": "2020-01-01T00:00:00Z"}"#).await;
    harness.produce(br#"{"uri": "ageless.jpg"}"#).await;
    assert_eq!(harness.end().await, OutcomeKind::Dropped(DropReason::TooOld));
    let entry = harness.entry().await;
    assert_eq!(entry.uri, "ageless.jpg", "the mock cluster's timestamps say nothing of age");
    entry.succeed();
    harness.committed(2).await;
    stop(ingest).await;
}
