use std::{
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant},
};

use anyhow::Context;
use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    producer::{
        BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
    },
};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

use super::{
    record::{Acknowledged, Position, Record},
    tally::Tally,
};
use crate::{
    kafka::{STATISTICS_INTERVAL, Watch, milliseconds, secure},
    policy::Security,
};

/// Sends records; clones share one Kafka client. What becomes of a record is told to its camera's
/// tally, on the client's own thread: no task wakes for it.
#[derive(Clone)]
pub(super) struct Producer(Arc<ThreadedProducer<Deliveries>>);

/// Takes the acknowledgements.
struct Deliveries {
    watch: Watch,
}

/// A record on its way. It holds nothing of the producer, whose thread drops it.
pub(super) struct InFlight {
    pub(super) tally: Arc<Tally>,
    /// When it was handed to the client.
    pub(super) sent: Instant,
    /// Where it is logged once the broker has it.
    pub(super) log: Option<(SyncSender<Acknowledged>, Record)>,
    /// Its place among the camera's records on their way; free when this is dropped.
    pub(super) _room: OwnedSemaphorePermit,
}

impl Producer {
    /// Connects, and fails unless a broker answers within `limit`. At most `capacity` records are
    /// on their way at a time.
    pub(super) async fn connect(
        brokers: &str,
        security: &Security,
        capacity: usize,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        let deliveries = Deliveries { watch: Watch::default() };
        let config = config(brokers, security, capacity);
        let producer = ThreadedProducer::from_config_and_context(&config, deliveries)
            .with_context(|| format!("cannot send to the brokers {brokers}: check --brokers"))?;
        producer.context().watch.tie(producer.client(), brokers);
        let producer = Self(Arc::new(producer));
        let probe = producer.clone();
        spawn_blocking(move || probe.0.client().fetch_metadata(None, limit)).await?.with_context(|| {
            format!("no broker of {brokers} answered within {limit:?}: start it, or correct --brokers")
        })?;
        Ok(producer)
    }

    /// Hands the record to the client, which sends and resends it by itself. What it refuses is
    /// counted as failed.
    pub(super) fn send(&self, value: &[u8], in_flight: InFlight) {
        let id = Arc::clone(in_flight.tally.camera_id());
        let record = BaseRecord::with_opaque_to(&id, Box::new(in_flight)).key(&*id).payload(value);
        if let Err((error, refused)) = self.0.send(record) {
            refused.delivery_opaque.tally.note_failure(&error.into());
        }
    }

    /// Gives up every record on its way: each ends as failed at once.
    pub(super) fn give_up(&self) {
        self.0.purge(PurgeConfig::default().queue().inflight());
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.trouble(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.watch.stats_raw(statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<InFlight>;

    fn delivery(&self, result: &DeliveryResult<'_>, in_flight: Box<InFlight>) {
        match result {
            Ok(message) => in_flight.acknowledged(position(message.partition(), message.offset())),
            Err((error, _)) => in_flight.failed(error.clone()),
        }
    }
}

impl InFlight {
    fn acknowledged(self, position: Position) {
        self.tally.note_acknowledged(position, self.sent.elapsed());
        if let Some((log, record)) = self.log {
            let line = Acknowledged { record, topic: Arc::clone(self.tally.camera_id()), position };
            // Waits while the log is behind, so that cameras wait in turn. Only a log that cannot
            // write is closed; it stops the run and reports itself.
            let _ = log.send(line);
        }
    }

    fn failed(self, error: KafkaError) {
        self.tally.note_failure(&error.into());
    }
}

/// A negative offset is the client's word for an unknown one.
fn position(partition: i32, offset: i64) -> Position {
    Position { partition, offset: Some(offset).filter(|offset| *offset >= 0) }
}

fn config(brokers: &str, security: &Security, capacity: usize) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "framegate-camera")
        .set("enable.idempotence", "true")
        // A frame's age counts from its capture: hardly wait for company.
        .set("linger.ms", "1")
        .set("statistics.interval.ms", milliseconds(STATISTICS_INTERVAL))
        .set("queue.buffering.max.messages", capacity.to_string());
    secure(&mut config, security);
    config
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn a_broker_that_does_not_answer_is_named_with_the_limit() {
        let limit = Duration::from_millis(200);
        let refused = Producer::connect("127.0.0.1:1", &Security::default(), 10, limit).await;
        let refusal = refused.err().unwrap();
        let refusal = format!("{refusal:#}");
        assert!(refusal.contains("127.0.0.1:1") && refusal.contains("200ms"), "{refusal}");
    }
}
