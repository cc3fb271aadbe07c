use anyhow::Context;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

use super::settings;
use crate::{kafka::Watch, policy::KafkaSink};

/// An idempotent producer. Clones are of one client.
#[derive(Clone)]
pub(super) struct Producer {
    client: FutureProducer<Watch>,
    watch: Watch,
    /// How many there were before it.
    pub(super) generation: u64,
    /// How long a record waits for a place in the queue.
    patience: Duration,
}

/// A record for a topic, with its key and its value.
pub(super) type Record<'a> = FutureRecord<'a, str, [u8]>;

/// A full queue is asked again after this; librdkafka does not tell of a free place.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

impl Producer {
    /// It connects by itself, whenever a broker answers.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub(super) fn new(sink: &KafkaSink, generation: u64) -> anyhow::Result<Self> {
        let watch = Watch::default();
        let client = settings::of(sink).create_with_context(watch.clone());
        let client: FutureProducer<Watch> = client.context("its producer cannot be created")?;
        watch.tie(client.client(), &sink.brokers);
        Ok(Self { client, watch, generation, patience: sink.message_timeout })
    }

    /// Returns once the record has a place in the queue; the future then tells what became of it.
    ///
    /// # Errors
    /// When it is too large, no place comes free in time, or the producer has failed for good.
    pub(super) async fn enqueue(&self, record: Record<'_>) -> Result<DeliveryFuture, KafkaError> {
        let until = Instant::now() + self.patience;
        let mut record = record;
        loop {
            match self.client.send_result(record) {
                Ok(pending) => return Ok(pending),
                Err((failure, back)) if is(&failure, RDKafkaErrorCode::QueueFull) => {
                    if Instant::now() >= until {
                        return Err(failure);
                    }
                    record = back;
                    sleep(QUEUE_PAUSE).await;
                }
                Err((failure, _)) => return Err(failure),
            }
        }
    }

    /// A broker has acknowledged something.
    pub(super) fn works(&self) {
        self.watch.recovered();
    }

    /// Why it will never send anything again, if that is so.
    pub(super) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.client.client().fatal_error()
    }

    /// Blocks until nothing is under way.
    ///
    /// # Errors
    /// When that has not come to be in time.
    pub(super) fn flush(&self, limit: Duration) -> Result<(), KafkaError> {
        self.client.flush(limit)
    }
}

/// What became of a record in the queue.
///
/// # Errors
/// When no broker has acknowledged it in time, or one has refused it.
pub(super) async fn acknowledged(pending: DeliveryFuture) -> Result<(), KafkaError> {
    match pending.await {
        Ok(result) => result.map(|_| ()).map_err(|(failure, _)| failure),
        // The producer is gone, and what was under way with it.
        Err(_) => Err(KafkaError::Canceled),
    }
}

/// Whether the failure is of this kind.
pub(super) fn is(failure: &KafkaError, code: RDKafkaErrorCode) -> bool {
    failure.rdkafka_error_code() == Some(code)
}
