use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
    topic_partition_list::Offset,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use serde_json::Value;

use super::*;
use crate::{embedded_broker::EmbeddedBroker, policy::Compression, sink::About};

const RESULTS: &str = "detections";
const DROPS: &str = "drops";
/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(&[RESULTS, DROPS], 2).unwrap()
}

fn policy(brokers: &str) -> policy::KafkaSink {
    policy::KafkaSink {
        brokers: brokers.to_owned(),
        security: policy::Security::default(),
        topic: RESULTS.to_owned(),
        drops: Some(DROPS.to_owned()),
        compression: Compression::None,
        linger: Duration::from_millis(5),
        message_timeout: LONG,
        max_message_bytes: 1_000_000,
        max_queued_messages: 10_000,
        max_queued_bytes: 64 << 20,
    }
}

fn sink(broker: &EmbeddedBroker) -> KafkaSink {
    KafkaSink::open(&policy(broker.bootstrap_servers())).unwrap()
}

fn record(number: usize) -> SinkRecord {
    let id = format!("camera_1:0:{number}:m");
    SinkRecord {
        camera_id: format!("camera {}", number % 3).into(),
        json: format!("{{\"id\":\"{id}\"}}").into_bytes(),
        about: About { id, model: "m".into(), ..About::default() },
    }
}

fn results(numbers: std::ops::Range<usize>) -> Arc<Batch> {
    Arc::new(Batch { results: numbers.map(record).collect(), drops: vec![] })
}

fn ids(numbers: std::ops::Range<usize>) -> BTreeSet<String> {
    numbers.map(|number| record(number).about.id).collect()
}

/// Reads a topic from its beginning until there were `count` records with different values.
async fn read(broker: &EmbeddedBroker, topic: &'static str, count: usize) -> Vec<OwnedMessage> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers()).set("group.id", "reader");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..2 {
        partitions.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let read = move || {
        let (mut read, mut values) = (Vec::new(), BTreeSet::new());
        let until = Instant::now() + LONG;
        while values.len() < count && Instant::now() < until {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message.unwrap().detach();
                values.insert(message.payload().unwrap().to_vec());
                read.push(message);
            }
        }
        read
    };
    spawn_blocking(read).await.unwrap()
}

/// The ids in a topic, as the headers say.
async fn found(broker: &EmbeddedBroker, count: usize) -> BTreeSet<String> {
    let messages = read(broker, RESULTS, count).await;
    messages.iter().map(|message| headers(message)["id"].clone()).collect()
}

fn headers(message: &OwnedMessage) -> HashMap<String, String> {
    let headers = message.headers().unwrap().iter();
    headers
        .map(|h| (h.key.to_owned(), String::from_utf8(h.value.unwrap().to_vec()).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_and_drops_go_to_their_topics_with_key_and_headers() {
    let broker = broker();
    let mut result = record(1);
    result.about.version = Some("7".into());
    result.about.traceparent = Some("00-1-2-01".into());
    let mut dropped = record(2);
    dropped.about.reason = Some("too_old");
    let batch = Batch { results: vec![result], drops: vec![dropped] };
    sink(&broker).deliver(Arc::new(batch)).await.unwrap();

    let [result] = &read(&broker, RESULTS, 1).await[..] else { panic!("one result") };
    assert_eq!((result.key(), result.payload()), (Some(&b"camera 1"[..]), Some(&*record(1).json)));
    let wanted = [
        ("content-type", "application/json"),
        ("id", "camera_1:0:1:m"),
        ("model", "m"),
        ("camera_id", "camera 1"),
        ("version", "7"),
        ("traceparent", "00-1-2-01"),
    ];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(headers(result), HashMap::from(wanted));
    let [dropped] = &read(&broker, DROPS, 1).await[..] else { panic!("one drop") };
    assert_eq!(headers(dropped)["reason"], "too_old");
    assert_eq!(dropped.payload(), Some(&*record(2).json));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_a_broker_that_pass_lose_nothing() {
    let broker = broker();
    let sink = sink(&broker);
    broker.refuse(
        RDKafkaApiKey::Produce,
        &[
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        ],
    );
    sink.deliver(results(0..200)).await.unwrap();
    assert_eq!(found(&broker, 200).await, ids(0..200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_away_and_comes_back_gets_everything() {
    let broker = broker();
    let sink = sink(&broker);
    sink.deliver(results(0..10)).await.unwrap();
    broker.go_down().unwrap();
    let mut delivery = sink.deliver(results(10..20));
    assert!(futures_util::poll!(&mut delivery).is_pending());
    let producer = sink.current().clone();
    let flushed = spawn_blocking(move || producer.flush(Duration::from_millis(300))).await;
    flushed.unwrap().expect_err("the broker is away");
    let early = futures_util::poll!(&mut delivery);
    assert!(early.is_pending(), "nothing is acknowledged without a broker");
    broker.come_up().unwrap();
    delivery.await.unwrap();
    assert_eq!(found(&broker, 20).await, ids(0..20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_it_opens_and_a_batch_fails_in_time_and_is_taken_later() {
    let broker = broker();
    broker.go_down().unwrap();
    let impatient = policy::KafkaSink {
        message_timeout: Duration::from_secs(1),
        ..policy(broker.bootstrap_servers())
    };
    let sink = KafkaSink::open(&impatient).unwrap();
    let error = sink.deliver(results(0..5)).await.unwrap_err().to_string();
    assert!(error.contains("no broker has taken it within message_timeout"), "{error}");
    broker.come_up().unwrap();
    while sink.deliver(results(0..5)).await.is_err() {}
    assert_eq!(found(&broker, 5).await, ids(0..5));
    sink.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_failed_for_good_is_replaced() {
    let broker = broker();
    let sink = sink(&broker);
    sink.deliver(results(0..5)).await.unwrap();
    broker.refuse(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 2],
    );
    while sink.current().generation == 0 {
        sink.deliver(results(5..10)).await.unwrap_err();
    }
    while sink.deliver(results(5..10)).await.is_err() {}
    assert_eq!(found(&broker, 10).await, ids(0..10));
    assert!(sink.current().fatal_error().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_is_too_large_becomes_an_error_and_holds_nothing_up() {
    let broker = broker();
    let small = policy::KafkaSink { max_message_bytes: 2000, ..policy(broker.bootstrap_servers()) };
    let sink = KafkaSink::open(&small).unwrap();
    let large = SinkRecord { json: vec![b' '; 2000], ..record(1) };
    let batch = Batch { results: vec![record(0), large, record(2)], drops: vec![] };
    sink.deliver(Arc::new(batch)).await.unwrap();
    let messages = read(&broker, RESULTS, 3).await;
    assert_eq!(found(&broker, 3).await, ids(0..3));
    let value = |message: &OwnedMessage| -> Value {
        serde_json::from_slice(message.payload().unwrap()).unwrap()
    };
    let errors: Vec<Value> =
        messages.iter().map(value).filter(|value| value.get("error").is_some()).collect();
    assert_eq!((errors.len(), &errors[0]["id"]), (1, &Value::from("camera_1:0:1:m")));
    assert_eq!(errors[0]["error"]["reason"], "INTERNAL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_larger_than_the_queue_is_delivered() {
    let broker = broker();
    let narrow =
        policy::KafkaSink { max_queued_messages: 10, ..policy(broker.bootstrap_servers()) };
    KafkaSink::open(&narrow).unwrap().deliver(results(0..100)).await.unwrap();
    assert_eq!(found(&broker, 100).await, ids(0..100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_compression_is_built_in() {
    let broker = broker();
    let all = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4];
    for (number, compression) in all.into_iter().enumerate() {
        let policy = policy::KafkaSink { compression, ..policy(broker.bootstrap_servers()) };
        let sink = KafkaSink::open(&policy).unwrap();
        sink.deliver(results(number * 50..number * 50 + 50)).await.unwrap();
    }
    assert_eq!(found(&broker, 200).await, ids(0..200));
}
