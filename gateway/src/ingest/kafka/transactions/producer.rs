use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};

use super::Patience;
use crate::kafka::Watch;

/// A producer with a `transactional.id`. It has a thread that hears what becomes of each message,
/// without which an abort would wait for ever.
pub(super) struct Producer {
    pub(super) client: Client,
    patience: Patience,
}

/// A clone is the same.
pub(super) type Client = ThreadedProducer<Context>;

/// A message; its number names its entry within the order.
pub(super) type Record<'a> = BaseRecord<'a, [u8], [u8], usize>;

/// What librdkafka calls back.
pub(super) struct Context {
    watch: Watch,
    refused: Arc<Mutex<Refused>>,
}

/// The messages that a broker has refused for good.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Why the first was, and the topic.
    pub(super) first: Option<(KafkaError, String)>,
    /// The entries of those that were too large.
    pub(super) too_large: Vec<usize>,
}

/// A full queue is asked again after this; librdkafka does not tell of a free place.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);
/// How long a message waits for a place in the queue.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

impl Producer {
    /// It connects by itself, whenever a broker answers.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub(super) fn new(settings: &ClientConfig, patience: Patience) -> KafkaResult<Self> {
        let context = Context { watch: Watch::default(), refused: Arc::default() };
        let client: Client = settings.create_with_context(context)?;
        let brokers = settings.get("bootstrap.servers").unwrap_or_default();
        client.context().watch.tie(client.client(), brokers);
        Ok(Self { client, patience })
    }

    /// Puts a message into the queue of the transaction that is open, once there is a place.
    ///
    /// # Errors
    /// When it is too large, no place comes free in time, or the transaction has failed already.
    pub(super) fn enqueue(&self, record: Record<'_>) -> KafkaResult<()> {
        let until = Instant::now() + QUEUE_PATIENCE;
        let mut record = record;
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if is(&error, RDKafkaErrorCode::QueueFull) => {
                    if self.patience.is_over() || Instant::now() >= until {
                        return Err(error);
                    }
                    record = back;
                    self.patience.pause(QUEUE_PAUSE);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// What was refused since this was last asked.
    pub(super) fn refused(&self) -> Refused {
        mem::take(&mut *self.client.context().refused())
    }

    /// The broker answers.
    pub(super) fn works(&self) {
        self.client.context().watch.recovered();
    }
}

impl Context {
    fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
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

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let Err((error, message)) = result else { return };
        let purged = [RDKafkaErrorCode::PurgeQueue, RDKafkaErrorCode::PurgeInflight];
        if purged.iter().any(|code| is(error, *code)) {
            return; // By our own abort.
        }
        let mut refused = self.refused();
        if is(error, RDKafkaErrorCode::MessageSizeTooLarge) {
            refused.too_large.push(number);
        }
        refused.first.get_or_insert_with(|| (error.clone(), message.topic().to_owned()));
    }
}

/// Whether the error is of this kind.
pub(super) fn is(error: &KafkaError, code: RDKafkaErrorCode) -> bool {
    error.rdkafka_error_code() == Some(code)
}
