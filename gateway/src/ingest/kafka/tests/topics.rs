use framegate_proto::ErrorCode;

use super::harness::{Harness, stop, until};

fn series(name: &str) -> String {
    format!("framegate_topic_{name}{{group=\"framegate\",topic=\"camera_1\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_grows_while_nothing_moves_and_ends_with_it() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..2).await;
    let (first, second) = (harness.entry().await, harness.entry().await);
    second.succeed();
    let lag = series("lag_seconds");
    until(|| harness.metric(&lag) > 0.0).await;
    assert_eq!(harness.metric(&series("in_flight_records")), 1.0);
    let seen = harness.metric(&lag);
    until(|| harness.metric(&lag) > seen).await;
    first.succeed();
    until(|| harness.metric(&lag) == 0.0).await;
    until(|| harness.metric(&series("committed_records_total")) == 2.0).await;
    assert_eq!(harness.metric(&series("in_flight_records")), 0.0);
    stop(ingest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_behind_a_pause_is_lag_of_its_topic() {
    let mut harness = Harness::new(&["detector"]);
    let ingest = harness.ingest().await;
    harness.produce_numbered(0..1).await;
    harness.entry().await.fail(ErrorCode::FrameUndecodable);
    until(|| harness.metric(&series("dead_letters_total")) == 1.0).await;
    harness.fill.send_replace(1.0);
    harness.produce_numbered(1..200).await;
    until(|| harness.metric(&series("paused_partitions")) == 1.0).await;
    until(|| harness.metric(&series("lag_records")) > 0.0).await;
    let seen = harness.metric(&series("lag_seconds"));
    until(|| harness.metric(&series("lag_seconds")) > seen).await;
    harness.fill.send_replace(0.0);
    for _ in 1..200 {
        harness.entry().await.succeed();
    }
    until(|| harness.metric(&series("lag_seconds")) == 0.0).await;
    until(|| harness.metric(&series("committed_records_total")) == 200.0).await;
    assert_eq!(harness.metric(&series("paused_partitions")), 0.0);
    stop(ingest).await;
}
