use std::{panic::AssertUnwindSafe, time::Duration};

use anyhow::Context;
use framegate_proto::ServeError;
use framegate_replica::failpoint;
use futures_util::FutureExt;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
};

use super::settings;
use crate::{ingest::entry::Entry, kafka::Watch, policy::Security};

/// Writes entries that cannot be served to the dead-letter topic: the record as it was, with
/// headers that say where it came from, for which model it failed and why.
///
/// Headers: `framegate-topic`, `-partition`, `-offset`, `-model`, `-reason`, `-message` and
/// `-tries`, and the record's own (its `traceparent` among them).
pub struct DeadLetters {
    producer: FutureProducer<Watch>,
    topic: String,
}

/// Our headers begin with this; the record's own that do are left out, so that they do not pile up
/// when a dead letter is played back and fails again.
const PREFIX: &str = "framegate-";

/// How long a dead letter may wait for a place in the producer's queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

impl DeadLetters {
    /// A producer for `topic`. It connects by itself, whenever a broker answers.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(brokers: &str, security: &Security, topic: &str) -> anyhow::Result<Self> {
        let watch = Watch::default();
        let producer: FutureProducer<Watch> =
            settings::producer(brokers, security).create_with_context(watch.clone()).with_context(
                || format!("the producer for dead-letter topic {topic} cannot be created"),
            )?;
        watch.tie(producer.client(), brokers);
        Ok(Self { producer, topic: topic.to_owned() })
    }

    /// Returns when all in-sync replicas of the broker have the dead letter.
    ///
    /// # Errors
    /// When that was not acknowledged in time, the topic is missing, or it panicked. It may be sent
    /// again.
    pub async fn send(&self, entry: &Entry, error: &ServeError) -> Result<(), KafkaError> {
        let step = async {
            failpoint!(async "dead_letter.before", KafkaError::Canceled);
            self.send_once(entry, error).await?;
            failpoint!(async "dead_letter.after", KafkaError::Canceled);
            Ok(())
        };
        AssertUnwindSafe(step).catch_unwind().await.unwrap_or(Err(KafkaError::Canceled))
    }

    async fn send_once(&self, entry: &Entry, error: &ServeError) -> Result<(), KafkaError> {
        let headers = |omitted| headers(entry, error, omitted);
        let value = entry.taken.original.value.as_deref();
        match self.produce(entry, value, headers(false)).await {
            // The headers may push a record over the topic's limit. Without its value it is still
            // of use: the headers say where the value stands.
            Err(failure) if too_large(&failure) && value.is_some() => {
                self.produce(entry, None, headers(true)).await
            }
            sent => sent,
        }
    }

    async fn produce(
        &self,
        entry: &Entry,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
    ) -> Result<(), KafkaError> {
        let record = FutureRecord {
            topic: &self.topic,
            partition: None,
            payload: value,
            key: entry.taken.original.key.as_deref(),
            timestamp: None,
            headers: Some(headers),
        };
        let sent = self.producer.send(record, QUEUE_TIMEOUT).await;
        sent.map(|_| ()).map_err(|(failure, _)| self.explained(failure))
    }

    fn explained(&self, failure: KafkaError) -> KafkaError {
        let missing = [RDKafkaErrorCode::UnknownTopic, RDKafkaErrorCode::UnknownTopicOrPartition];
        if failure.rdkafka_error_code().is_some_and(|code| missing.contains(&code)) {
            tracing::error!(topic = self.topic, "dead-letter topic is missing; create it");
        }
        failure
    }
}

fn too_large(failure: &KafkaError) -> bool {
    failure.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

/// The headers of a dead letter, whose value may be left out because it is too large.
pub(super) fn headers(entry: &Entry, error: &ServeError, omitted: bool) -> OwnedHeaders {
    let taken = &entry.taken;
    let own = taken.original.headers.iter().filter(|(name, _)| !name.starts_with(PREFIX));
    let headers = own.fold(OwnedHeaders::new(), |headers, (name, value)| {
        headers.insert(Header { key: name, value: value.as_ref() })
    });
    let source = &taken.source;
    [
        ("topic", source.partition.topic.as_ref()),
        ("partition", &source.partition.number.to_string()),
        ("offset", &source.offset.to_string()),
        ("model", &entry.model),
        ("reason", error.code.reason()),
        ("message", &error.message),
        ("tries", &entry.tries.failed.to_string()),
    ]
    .into_iter()
    .chain(omitted.then_some(("value-omitted", "too large")))
    .fold(headers, |headers, (name, value)| with(headers, name, value))
}

fn with(headers: OwnedHeaders, name: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key: &format!("{PREFIX}{name}"), value: Some(value) })
}
