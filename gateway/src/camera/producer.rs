use std::time::Duration;

use anyhow::{Context, anyhow};
use rdkafka::{
    ClientConfig,
    error::KafkaError,
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _, PurgeConfig},
};

use super::record::Position;
use crate::{
    kafka::{Logging, secure},
    policy::Security,
};

/// Sends records and learns where the broker put them; clones share one Kafka client.
#[derive(Clone)]
pub(super) struct Producer(FutureProducer<Logging>);

/// A record on its way.
pub(super) struct Pending(DeliveryFuture);

impl Producer {
    /// Connects, and fails unless a broker answers within `limit`. At most `capacity` records are
    /// on their way at a time.
    pub(super) async fn connect(
        brokers: &str,
        security: &Security,
        capacity: usize,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        let producer: FutureProducer<Logging> = config(brokers, security, capacity)
            .create_with_context(Logging::default())
            .with_context(|| format!("cannot send to the brokers {brokers}: check --brokers"))?;
        let probe = producer.clone();
        tokio::task::spawn_blocking(move || probe.client().fetch_metadata(None, limit)).await?.with_context(|| {
            format!("no broker of {brokers} answered within {limit:?}: start it, or correct --brokers")
        })?;
        Ok(Self(producer))
    }

    /// Hands the record to the client, which sends and resends it by itself.
    pub(super) fn send(&self, topic: &str, key: &str, value: &[u8]) -> Result<Pending, KafkaError> {
        let record = FutureRecord::to(topic).key(key).payload(value);
        self.0.send_result(record).map(Pending).map_err(|(error, _)| error)
    }

    /// Gives up every record on its way: each ends as failed at once.
    pub(super) fn give_up(&self) {
        self.0.purge(PurgeConfig::default().queue().inflight());
    }
}

impl Pending {
    /// Waits until the broker has the record, or the client has given it up.
    pub(super) async fn acknowledged(self) -> anyhow::Result<Position> {
        let delivery = self.0.await.map_err(|_| anyhow!("the Kafka client stopped"))?;
        let delivery = delivery.map_err(|(error, _)| error)?;
        // A negative offset is the client's word for an unknown one.
        Ok(Position {
            partition: delivery.partition,
            offset: Some(delivery.offset).filter(|offset| *offset >= 0),
        })
    }
}

fn config(brokers: &str, security: &Security, capacity: usize) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "framegate-camera")
        .set("enable.idempotence", "true")
        // A frame's age counts from its capture: hardly wait for company.
        .set("linger.ms", "1")
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
