//! A sink of Kafka topics: a record for each result, keyed by its camera.

mod message;
mod producer;
mod settings;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use anyhow::Context;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::DeliveryFuture,
};
use tokio::task::spawn_blocking;

pub(crate) use self::{
    message::{error_instead, headers},
    settings::of as producer_settings,
};

use self::producer::{Producer, acknowledged, is};
use super::{Acknowledged, Batch, Sink, SinkError, SinkRecord};
use crate::policy;

/// Writes results to one topic and drops to another. A batch is kept when all in-sync replicas of
/// the brokers have all of it.
///
/// The producer numbers what it sends, so what it sends again by itself is not written twice. A
/// batch that failed is delivered anew by our caller, which may write some of it twice: records
/// carry a stable `id`.
pub(super) struct KafkaSink {
    name: String,
    policy: policy::KafkaSink,
    /// Replaced after a fatal error. The lock is held for moments, and never across an await.
    producer: Mutex<Producer>,
}

/// How long the last records may take to be acknowledged when the gateway stops.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

impl KafkaSink {
    /// Brokers that cannot be reached are no error: it delivers once they are there.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub(super) fn open(sink: &policy::KafkaSink) -> anyhow::Result<Self> {
        let name = format!("kafka {}", sink.topic);
        let producer = Producer::new(sink, 0).with_context(|| name.clone())?;
        Ok(Self { name, policy: sink.clone(), producer: Mutex::new(producer) })
    }

    async fn deliver_all(&self, batch: &Batch) -> Result<(), SinkError> {
        let producer = self.current().clone();
        match self.send_all(&producer, batch).await {
            Ok(()) => {
                producer.works();
                Ok(())
            }
            Err(failure) => {
                self.replace_if_dead(&producer);
                // The end of a client blocks until its threads have ended.
                spawn_blocking(move || drop(producer));
                Err(SinkError::Broker(self.explained(&failure)))
            }
        }
    }

    /// Waits for all of what it has sent, also after a failure: what is delivered anew shall not
    /// meet itself in the queue.
    async fn send_all(&self, producer: &Producer, batch: &Batch) -> Result<(), KafkaError> {
        let records = self.addressed(batch);
        let mut pending = Vec::with_capacity(records.len());
        let mut sent = Ok(());
        for (topic, record) in records {
            match self.send(producer, topic, record).await {
                Ok(delivery) => pending.push(delivery),
                Err(failure) => {
                    sent = Err(failure);
                    break;
                }
            }
        }
        for delivery in pending {
            let delivered = acknowledged(delivery).await;
            sent = sent.and(delivered);
        }
        sent
    }

    /// Each record with its topic.
    fn addressed<'a>(&'a self, batch: &'a Batch) -> Vec<(&'a str, &'a SinkRecord)> {
        let mut records = Vec::with_capacity(batch.results.len() + batch.drops.len());
        records.extend(batch.results.iter().map(|record| (&*self.policy.topic, record)));
        if let Some(topic) = &self.policy.drops {
            records.extend(batch.drops.iter().map(|record| (&**topic, record)));
        }
        records
    }

    /// Enqueues a record. One that is too large would be refused for ever and hold up all others,
    /// so an error result takes its place.
    async fn send(
        &self,
        producer: &Producer,
        topic: &str,
        record: &SinkRecord,
    ) -> Result<DeliveryFuture, KafkaError> {
        match producer.enqueue(message::of(topic, record, &record.json)).await {
            Err(failure) if is(&failure, RDKafkaErrorCode::MessageSizeTooLarge) => {
                let (sink, bytes) = (&self.name, record.json.len());
                tracing::error!(
                    sink,
                    id = record.about.id,
                    bytes,
                    "result larger than max_message_bytes, replaced by an error"
                );
                let short = message::error_instead(record);
                producer.enqueue(message::of(topic, record, &short)).await
            }
            enqueued => enqueued,
        }
    }

    /// After a fatal error a producer fails everything, so another takes its place.
    fn replace_if_dead(&self, producer: &Producer) {
        let Some((code, reason)) = producer.fatal_error() else { return };
        let mut current = self.current();
        if current.generation != producer.generation {
            return; // Another batch has failed with it, and replaced it.
        }
        match Producer::new(&self.policy, producer.generation + 1) {
            Ok(new) => {
                *current = new;
                tracing::error!(sink = self.name, %code, reason, "kafka producer failed for good, replaced by a new one");
            }
            Err(error) => {
                tracing::error!(sink = self.name, %error, "kafka producer failed for good and cannot be replaced yet");
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Producer> {
        self.producer.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What failed, and what an operator can do about it.
    fn explained(&self, failure: &KafkaError) -> String {
        let advice = match failure.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
                "; the topic is missing, create it"
            }
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                "; raise the topic's max.message.bytes, or lower max_message_bytes"
            }
            Some(RDKafkaErrorCode::QueueFull | RDKafkaErrorCode::MessageTimedOut) => {
                "; no broker has taken it within message_timeout"
            }
            _ => "",
        };
        format!("{failure}{advice}")
    }
}

impl Sink for KafkaSink {
    fn deliver(&self, batch: Arc<Batch>) -> Acknowledged<'_> {
        Box::pin(async move { self.deliver_all(&batch).await })
    }

    fn flush(&self) -> Acknowledged<'_> {
        let producer = self.current().clone();
        Box::pin(async move {
            let flushed = spawn_blocking(move || producer.flush(FLUSH_LIMIT)).await;
            let flushed = flushed.map_err(|_| SinkError::Closed)?;
            flushed.map_err(|failure| SinkError::Broker(self.explained(&failure)))
        })
    }

    fn name(&self) -> &str {
        &self.name
    }
}
