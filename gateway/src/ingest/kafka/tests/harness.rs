use std::{
    collections::HashMap,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use framegate_batcher::Latest;
use framegate_proto::ErrorCode;
use framegate_replica::{Answer, ModelOutput, Responder, Served, Timings};
use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::OwnedMessage,
    producer::{FutureProducer, FutureRecord},
    topic_partition_list::Offset,
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{
    embedded_broker::EmbeddedBroker,
    ingest::{KafkaIngest, OutcomeKind, OutcomeObserver},
    intake::{FrameRequest, FrameSource, Intake},
    metrics::Registry,
    policy::{Delivery, Ingest, Overload, RecordMap, Retries, Security, Selector, Start},
    sink::{Acknowledged, Batch, Sink, SinkError, Sinks},
};

/// Longer than anything here takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(60);
pub(super) const TOPIC: &str = "camera_1";
pub(super) const DEAD: &str = "dead";

/// An entry that waits for its answer.
pub(super) struct Waiting {
    pub(super) uri: String,
    pub(super) model: Arc<str>,
    pub(super) latest: Option<Latest>,
    responder: Responder,
}

/// Pools that answer when the test says so.
pub(super) struct FakeIntake {
    entries: mpsc::Sender<Waiting>,
    fill: watch::Sender<f64>,
    asked: watch::Sender<u64>,
}

/// A sink that keeps lines in memory, unless it is told to fail.
pub(super) struct FakeSink {
    lines: watch::Sender<Vec<Value>>,
    failing: watch::Sender<bool>,
}

/// Sees every end.
pub(super) struct Ends(mpsc::Sender<OutcomeKind>);

/// A broker with one topic, and what the ingress is connected to.
pub(super) struct Harness {
    pub(super) broker: EmbeddedBroker,
    pub(super) entries: mpsc::Receiver<Waiting>,
    pub(super) fill: watch::Sender<f64>,
    pub(super) sink: Arc<FakeSink>,
    pub(super) ends: mpsc::Receiver<OutcomeKind>,
    pub(super) policy: Ingest,
    pub(super) registry: Registry,
    intake: Arc<FakeIntake>,
    observer: Arc<Ends>,
    producer: FutureProducer,
}

impl Intake for FakeIntake {
    fn admit_detached(
        &self,
        request: &FrameRequest,
        models: &[Arc<str>],
        responder: &mut dyn FnMut(&Arc<str>) -> Responder,
    ) {
        let FrameSource::Uri(uri) = &request.source else { panic!("records hold references") };
        for model in models {
            let responder = responder(model);
            let (uri, model, latest) = (uri.clone(), Arc::clone(model), request.latest);
            let waiting = Waiting { uri, model, latest, responder };
            assert!(self.entries.try_send(waiting).is_ok(), "tests keep fewer entries");
        }
    }

    fn ingest_fill(&self, _: &[Arc<str>]) -> f64 {
        self.asked.send_modify(|asked| *asked += 1);
        *self.fill.borrow()
    }
}

impl Sink for FakeSink {
    fn deliver(&self, batch: Arc<Batch>) -> Acknowledged<'_> {
        Box::pin(async move {
            if *self.failing.borrow() {
                return Err(SinkError::Closed);
            }
            let records = batch.results.iter().chain(&batch.drops);
            let lines = records.map(|record| serde_json::from_slice(&record.json).unwrap());
            self.lines.send_modify(|kept| kept.extend(lines));
            Ok(())
        })
    }

    fn flush(&self) -> Acknowledged<'_> {
        Box::pin(async { Ok(()) })
    }

    fn name(&self) -> &str {
        "fake"
    }
}

impl OutcomeObserver for Ends {
    fn ended(&self, _: &Arc<str>, outcome: &OutcomeKind, _: Option<Duration>) {
        self.0.try_send(*outcome).expect("tests end fewer entries");
    }
}

impl Waiting {
    pub(super) fn succeed(self) {
        let served = Served {
            model: self.model,
            version: "1".into(),
            replica: "fake".into(),
            batch_size: 1,
            output: ModelOutput::Embedding(vec![1.0]),
            timings: Timings::default(),
        };
        (self.responder)(Answer::Ok(served));
    }

    pub(super) fn fail(self, code: ErrorCode) {
        (self.responder)(Err(code.into()));
    }
}

impl FakeSink {
    pub(super) fn fail(&self, failing: bool) {
        self.failing.send_replace(failing);
    }

    /// Waits for `count` lines, and gives the ids of all in order of arrival.
    pub(super) async fn ids(&self, count: usize) -> Vec<String> {
        let mut lines = self.lines.subscribe();
        let lines = timeout(LONG, lines.wait_for(|lines| lines.len() >= count)).await;
        let lines = lines.expect("the results arrive").unwrap();
        lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Harness {
    /// A broker with [`TOPIC`] of one partition; `models` see each record.
    pub(super) fn new(models: &[&str]) -> Self {
        Self::with_partitions(1, models)
    }

    pub(super) fn with_partitions(partitions: i32, models: &[&str]) -> Self {
        let broker = EmbeddedBroker::start(&[TOPIC], partitions).unwrap();
        let (entries_in, entries) = mpsc::channel(100_000);
        let (ends_in, ends) = mpsc::channel(100_000);
        let fill = watch::Sender::new(0.0);
        let producer = ClientConfig::new()
            .set("bootstrap.servers", broker.bootstrap_servers())
            .create()
            .unwrap();
        Self {
            policy: policy(broker.bootstrap_servers(), models),
            entries,
            sink: Arc::new(FakeSink {
                lines: watch::Sender::default(),
                failing: watch::Sender::default(),
            }),
            ends,
            registry: Registry::new().unwrap(),
            intake: Arc::new(FakeIntake {
                entries: entries_in,
                fill: fill.clone(),
                asked: watch::Sender::default(),
            }),
            fill,
            observer: Arc::new(Ends(ends_in)),
            producer,
            broker,
        }
    }

    /// Starts an ingress of the group.
    pub(super) async fn ingest(&self) -> KafkaIngest {
        let intake = Arc::clone(&self.intake) as Arc<dyn Intake>;
        let sinks = Arc::new(Sinks::of(vec![Arc::clone(&self.sink) as Arc<dyn Sink>]));
        let observer = Some(Arc::clone(&self.observer) as Arc<dyn OutcomeObserver>);
        KafkaIngest::start(&self.policy, SystemTime::now(), intake, sinks, &self.registry, observer)
            .await
            .unwrap()
    }

    /// Writes a record and waits for the broker's acknowledgement.
    pub(super) async fn produce(&self, value: &[u8]) {
        self.produce_to(0, value).await;
    }

    pub(super) async fn produce_to(&self, partition: i32, value: &[u8]) {
        let record = FutureRecord::to(TOPIC).partition(partition).key("gate").payload(value);
        self.producer.send(record, LONG).await.unwrap();
    }

    /// Writes records with the references `0.jpg`, `1.jpg`, ….
    pub(super) async fn produce_numbered(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.produce(format!("{number}.jpg").as_bytes()).await;
        }
    }

    pub(super) async fn entry(&mut self) -> Waiting {
        timeout(LONG, self.entries.recv()).await.expect("an entry is queued").unwrap()
    }

    pub(super) async fn end(&mut self) -> OutcomeKind {
        timeout(LONG, self.ends.recv()).await.expect("an entry ends").unwrap()
    }

    /// Waits until the consumer has gone round so many times since now.
    pub(super) async fn rounds(&self, rounds: u64) {
        let mut asked = self.intake.asked.subscribe();
        let enough = *asked.borrow() + rounds;
        let rounds = timeout(LONG, asked.wait_for(|asked| *asked >= enough)).await;
        rounds.expect("the consumer goes on").unwrap();
    }

    /// Waits until the group has committed `offset`, and fails if it commits more.
    pub(super) async fn committed(&self, offset: i64) {
        self.committed_on(0, offset).await;
    }

    pub(super) async fn committed_on(&self, partition: i32, offset: i64) {
        let group = consumer(&self.broker, &self.policy.group);
        let until = Instant::now() + LONG;
        let reached = move || {
            let mut found = committed(&group, partition);
            while found.is_none_or(|found| found < offset) && Instant::now() < until {
                // Asking without a pause would keep the broker from everything else.
                thread::park_timeout(Duration::from_millis(20));
                found = committed(&group, partition);
            }
            found
        };
        assert_eq!(tokio::task::spawn_blocking(reached).await.unwrap(), Some(offset));
    }

    /// What the group has committed by now.
    pub(super) fn committed_now(&self) -> Option<i64> {
        committed(&consumer(&self.broker, &self.policy.group), 0)
    }

    /// The first `count` records of the dead-letter topic.
    pub(super) async fn dead_letters(&self, count: usize) -> Vec<OwnedMessage> {
        let dead = consumer(&self.broker, "reader");
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(DEAD, 0, Offset::Beginning).unwrap();
        dead.assign(&partitions).unwrap();
        let until = Instant::now() + LONG;
        let read = move || {
            let mut letters = Vec::new();
            while letters.len() < count && Instant::now() < until {
                let letter = dead.poll(Duration::from_millis(100));
                letters.extend(letter.map(|letter| letter.unwrap().detach()));
            }
            letters
        };
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    /// The value of a metric, as `/metrics` shows it.
    pub(super) fn metric(&self, series: &str) -> f64 {
        let text = self.registry.render();
        let line = text.lines().find(|line| line.starts_with(series));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |value| value.parse().unwrap())
    }
}

/// Waits for what metrics or counts show.
pub(super) async fn until(mut reached: impl FnMut() -> bool) {
    let reached = async {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while !reached() {
            looks.tick().await;
        }
    };
    timeout(LONG, reached).await.expect("it gets there");
}

/// The gateway's stop, without the drain.
pub(super) async fn stop(ingest: KafkaIngest) {
    ingest.stop_taking().await;
    ingest.delivered(LONG).await;
    ingest.finish(LONG).await;
}

/// The headers of a dead letter.
pub(super) fn headers(letter: &OwnedMessage) -> HashMap<String, String> {
    use rdkafka::message::Headers;
    let headers = letter.headers().unwrap().iter();
    headers
        .map(|h| (h.key.to_owned(), String::from_utf8(h.value.unwrap().to_vec()).unwrap()))
        .collect()
}

fn policy(brokers: &str, models: &[&str]) -> Ingest {
    let pointer = |name: &str| Selector::Pointer(format!("/{name}"));
    Ingest {
        number: 0,
        brokers: brokers.to_owned(),
        security: Security::default(),
        topics: vec!["^camera_[0-9]+$".to_owned()],
        group: "framegate".to_owned(),
        instance_id: None,
        models: models.iter().map(|model| Arc::from(*model)).collect(),
        record: RecordMap {
            uri: pointer("uri"),
            camera_id: pointer("camera_id"),
            captured_at: pointer("captured_at"),
            sequence: pointer("sequence"),
            models: pointer("models"),
            uri_prefix: String::new(),
        },
        overload: Overload::ProcessAll,
        max_frame_age: None,
        start: Start::Committed,
        delivery: Delivery::AtLeastOnce,
        max_in_flight: 1000,
        commit_interval: Duration::from_millis(20),
        dead_letter: None,
        retries: Retries { attempts: 2, backoff: Duration::from_millis(5) },
        // The mock group lets a new member wait for this less 1 s, and its first one for 3 s, in
        // which it must not expire.
        session_timeout: Duration::from_secs(4),
        metadata_refresh: Duration::from_millis(500),
    }
}

fn consumer(broker: &EmbeddedBroker, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

fn committed(group: &BaseConsumer, partition: i32) -> Option<i64> {
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition(TOPIC, partition);
    let offsets = group.committed_offsets(partitions, LONG).unwrap();
    match offsets.find_partition(TOPIC, partition).unwrap().offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}
