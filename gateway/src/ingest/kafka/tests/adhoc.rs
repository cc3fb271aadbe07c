use super::harness::{Harness, LONG, TOPIC};
use rdkafka::{Message, consumer::{BaseConsumer, Consumer}, ClientConfig, TopicPartitionList, Offset};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adhoc_timestamps() {
    let h = Harness::new(&["detector"]);
    h.produce_numbered(0..3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    h.produce_numbered(0..3).await;
    let c: BaseConsumer = ClientConfig::new().set("bootstrap.servers", h.broker.bootstrap_servers()).set("group.id","x").create().unwrap();
    let mut p = TopicPartitionList::new(); p.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
    c.assign(&p).unwrap();
    for _ in 0..6 { let m = c.poll(LONG).unwrap().unwrap(); eprintln!("TS {:?} now {:?}", m.timestamp(), std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()); }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adhoc_throughput() {
    let mut h = Harness::new(&["detector"]);
    for chunk in 0..20 { let mut js = Vec::new(); for i in 0..1000 { js.push(h.produce_raw(chunk*1000+i)); } for j in js { j.await.unwrap().unwrap(); } }
    let ingest = h.ingest().await;
    h.entry().await.succeed();
    let t = std::time::Instant::now();
    for _ in 1..20000 { h.entry().await.succeed(); }
    eprintln!("THROUGHPUT taken {:?}", t.elapsed());
    h.committed(20000).await;
    eprintln!("THROUGHPUT committed {:?}", t.elapsed());
    ingest.finish(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adhoc_static() {
    let mut h = Harness::new(&["detector"]);
    h.policy.instance_id = Some("a".into());
    h.policy.commit_interval = Duration::from_secs(1000);
    let ingest = h.ingest().await;
    h.produce_numbered(0..3).await;
    for _ in 0..3 { h.entry().await.succeed(); h.end().await; }
    let t = std::time::Instant::now();
    ingest.finish(LONG).await;
    eprintln!("STATIC finish {:?} committed {:?}", t.elapsed(), h.committed_now());
    let ingest = h.ingest().await;
    h.produce_numbered(3..4).await;
    h.entry().await.succeed();
    eprintln!("STATIC again {:?}", t.elapsed());
    h.broker.go_down().unwrap();
    h.end().await;
    let t = std::time::Instant::now();
    ingest.finish(LONG).await;
    eprintln!("STATIC finish without broker {:?}", t.elapsed());
}
