use std::{collections::BTreeSet, time::Duration};

use framegate_proto::ErrorCode;

use super::harness::{Harness, LONG, TOPIC, stop, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_continues_at_the_committed_offset_without_a_gap() {
    let mut harness = Harness::new(&["detector"]);
    let interval = std::mem::replace(&mut harness.policy.commit_interval, LONG);
    let first = harness.ingest().await;
    harness.produce_numbered(0..20).await;
    let mut entries = Vec::new();
    for _ in 0..20 {
        entries.push(harness.entry().await);
    }
    first.stop_taking().await;
    harness.produce_numbered(20..30).await;
    // The drain: some finish, the rest is discarded uncommitted.
    for (number, entry) in entries.into_iter().enumerate() {
        if number == 7 || number >= 12 { entry.fail(ErrorCode::Draining) } else { entry.succeed() }
    }
    stop(first).await;
    assert_eq!(harness.committed_now(), Some(7), "committed synchronously, and only the prefix");
    assert!(harness.entries.try_recv().is_err(), "nothing was taken after the stop began");

    harness.policy.commit_interval = interval;
    let second = harness.ingest().await;
    for number in 7..30 {
        let entry = harness.entry().await;
        assert_eq!(entry.uri, format!("{number}.jpg"));
        entry.succeed();
    }
    harness.committed(30).await;
    let ids: BTreeSet<String> = harness.sink.ids(11 + 23).await.into_iter().collect();
    let all = (0..30).map(|offset| format!("{TOPIC}:0:{offset}:detector")).collect();
    assert_eq!(ids, all, "the union of both runs is complete");
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_member_takes_over_without_a_gap_and_late_ends_do_not_commit() {
    let mut harness = Harness::new(&["detector"]);
    let first = harness.ingest().await;
    harness.produce_numbered(0..3).await;
    let (done, open) = (harness.entry().await, harness.entry().await);
    let _also_open = harness.entry().await;
    done.succeed();
    harness.committed(1).await;
    // Dropped: it leaves the group at once.
    drop(first);
    let second = harness.ingest().await;
    let again = harness.entry().await;
    assert_eq!(again.uri, "1.jpg");
    open.succeed();
    harness.entry().await.succeed();
    harness.produce_numbered(3..4).await;
    let last = harness.entry().await;
    last.succeed();
    harness.end().await;
    assert_eq!(harness.committed_now(), Some(1), "the first member's late end counts for nothing");
    again.succeed();
    harness.committed(4).await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_moves_to_a_new_member_loses_nothing() {
    let mut harness = Harness::with_partitions(2, &["detector"]);
    let first = harness.ingest().await;
    until(|| first.assigned_partitions() == 2).await;
    let mut open = Vec::new();
    for partition in 0..2 {
        harness.produce_to(partition, b"first.jpg").await;
        harness.produce_to(partition, b"second.jpg").await;
    }
    for _ in 0..4 {
        let entry = harness.entry().await;
        if entry.uri == "first.jpg" { entry.succeed() } else { open.push(entry) }
    }
    let second = harness.ingest().await;
    until(|| (first.assigned_partitions(), second.assigned_partitions()) == (1, 1)).await;
    let again = harness.entry().await;
    assert_eq!(again.uri, "second.jpg", "uncommitted in the partition that moved");
    // The late ends: one counts, for the partition that stayed; the other's epoch is over.
    open.into_iter().for_each(|entry| entry.succeed());
    until(|| {
        harness.metric("framegate_ingest_outcomes_total{model=\"detector\",outcome=\"delivered\"")
            == 4.0
    })
    .await;
    again.succeed();
    harness.committed_on(0, 2).await;
    harness.committed_on(1, 2).await;
    assert_eq!(harness.sink.ids(5).await.len(), 5, "one of them twice");
    stop(first).await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_without_a_broker_ends_in_time() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..1).await;
    let entry = harness.entry().await;
    harness.broker.go_down().unwrap();
    entry.succeed();
    harness.end().await;
    ingest.stop_taking().await;
    ingest.delivered(LONG).await;
    let started = tokio::time::Instant::now();
    ingest.finish(Duration::from_secs(3)).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
