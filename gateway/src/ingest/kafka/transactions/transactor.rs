use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{Consumer, ConsumerGroupMetadata},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::Producer as _,
};

use super::{
    Patience,
    calls::Calls,
    messages::Topics,
    producer::{Client, Producer, Refused},
};
use crate::{
    ingest::{
        delivery::Ended,
        hold_back::Held,
        kafka::{
            committer::{Commit, Offsets, Order},
            context::Client as Consuming,
        },
        observe::Observation,
    },
    policy::KafkaSink,
};

/// Commits an order as one transaction: all of its messages and its offsets, or nothing.
///
/// After a failure it first makes sure what became of the transaction. What is aborted goes back
/// to the hold-back, and comes again with the next order as long as its partitions stay.
pub(in crate::ingest::kafka) struct Transactor {
    settings: ClientConfig,
    topics: Topics,
    /// To be asked for committed offsets; shared with the consumer's thread.
    consumer: Arc<Consuming>,
    observation: Arc<Observation>,
    patience: Patience,
    calls: Calls,
    /// Ready for a transaction; none before the first, and after one that failed for good.
    producer: Option<Producer>,
    /// Transactions that failed, one after the other.
    failures: u32,
}

/// Why a transaction has not come to its end.
struct Failure {
    error: KafkaError,
    /// It may have been committed all the same.
    in_doubt: bool,
}

/// What an error of a transaction asks for.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    /// The same call again, which goes on with what it has begun.
    Again,
    /// An abort.
    Abort,
    /// Another producer, whose start ends the transaction of this one.
    Replace,
}

/// How long one call may wait for a broker before it is seen whether anybody still waits for it.
const CALL_LIMIT: Duration = Duration::from_secs(1);
/// How long a call is repeated before the transaction is given up: by then its coordinator has ended
/// it, and the client may be waiting for one that is gone (librdkafka's issue 5511).
const INSISTENCE: Duration = Duration::from_secs(12);
/// Between two tries of a call.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two transactions that fail, at most; half of what a revocation waits.
const MAX_PAUSE: Duration = Duration::from_secs(2);

impl Transactor {
    pub(in crate::ingest::kafka) fn new(
        settings: ClientConfig,
        (sinks, dead_letter): (Vec<KafkaSink>, Option<String>),
        consumer: Arc<Consuming>,
        observation: Arc<Observation>,
        patience: Patience,
    ) -> Self {
        Self {
            settings,
            topics: Topics { sinks, dead_letter },
            consumer,
            observation,
            calls: Calls::new(patience.clone()),
            patience,
            producer: None,
            failures: 0,
        }
    }

    /// A producer that has ended whatever its predecessors of the same name had begun.
    fn open(&self) -> KafkaResult<Producer> {
        let producer = Producer::new(&self.settings, self.patience.clone())?;
        self.insist(None, &producer, |client| client.init_transactions(CALL_LIMIT))?;
        Ok(producer)
    }

    /// Calls until the answer is no "again", or for so long.
    fn insist(
        &self,
        limit: Option<Duration>,
        producer: &Producer,
        call: impl Fn(&Client) -> KafkaResult<()> + Clone + Send + 'static,
    ) -> KafkaResult<()> {
        let begun = Instant::now();
        let is_over =
            || self.patience.is_over() || limit.is_some_and(|limit| begun.elapsed() > limit);
        loop {
            let (client, call) = (producer.client.clone(), call.clone());
            match self.calls.call(move || call(&client)) {
                Err(error) if remedy(&error) == Remedy::Again && !is_over() => {
                    tracing::debug!(%error, "kafka has not answered, asking again");
                    self.patience.pause(PAUSE);
                }
                answer => return answer,
            }
        }
    }

    fn transact(
        &self,
        producer: &Producer,
        member: &Arc<ConsumerGroupMetadata>,
        order: &Order,
    ) -> Result<(), Failure> {
        self.fill(producer, member, order).map_err(|error| Failure { error, in_doubt: false })?;
        // A commit without an answer may have happened, so it is asked about and never aborted.
        let commit = |client: &Client| client.commit_transaction(CALL_LIMIT);
        let committed = self.insist(Some(INSISTENCE), producer, commit);
        committed.map_err(|error| Failure { error, in_doubt: true })
    }

    /// Begins a transaction and puts everything into it.
    fn fill(
        &self,
        producer: &Producer,
        member: &Arc<ConsumerGroupMetadata>,
        order: &Order,
    ) -> KafkaResult<()> {
        producer.client.begin_transaction()?;
        for (number, held) in order.held.iter().enumerate() {
            self.topics.write(producer, number, held)?;
        }
        let (offsets, member) = (Arc::new(list(&order.offsets)?), member.clone());
        self.insist(Some(INSISTENCE), producer, move |client| {
            client.send_offsets_to_transaction(&offsets, &member, CALL_LIMIT)
        })
    }

    /// When this returns, the transaction is over, or nobody waits for it any more.
    fn end(&mut self, failure: &Failure) {
        let aborted = match (&self.producer, failure.remedy()) {
            (Some(producer), Remedy::Abort) => {
                let abort = |client: &Client| client.abort_transaction(CALL_LIMIT);
                self.insist(Some(INSISTENCE), producer, abort).is_ok()
            }
            _ => false,
        };
        if !aborted {
            self.producer = None;
            self.prepare();
        }
    }

    /// Whether the offsets are committed, now that no transaction is open. A transaction commits
    /// all of its offsets, and each is above the one before.
    fn is_committed(&self, offsets: &Offsets) -> bool {
        while !self.patience.is_over() {
            match self.committed(offsets) {
                Ok(committed) => return committed,
                Err(error) => {
                    tracing::warn!(%error, "committed offsets cannot be read, trying again");
                    self.patience.pause(PAUSE);
                }
            }
        }
        false
    }

    fn committed(&self, offsets: &Offsets) -> KafkaResult<bool> {
        let found = self.consumer.committed_offsets(list(offsets)?, CALL_LIMIT)?;
        for element in found.elements() {
            element.error()?;
        }
        let reached = |topic: &str, number, offset| {
            let element = found.find_partition(topic, number);
            matches!(element.map(|it| it.offset()), Some(Offset::Offset(at)) if at >= offset)
        };
        Ok(offsets.iter().all(|(name, offset)| reached(&name.topic, name.number, *offset)))
    }

    /// Tells of an aborted transaction, and lets some time pass before the next.
    fn note_failure(&mut self, error: &KafkaError, order: &mut Order) {
        let refused = self.producer.as_ref().map(Producer::refused).unwrap_or_default();
        let Refused { first, too_large } = refused;
        for number in too_large {
            if let Some(held) = order.held.get_mut(number) {
                held.too_large = true;
            }
        }
        let (cause, topic) = first.unwrap_or((error.clone(), String::new()));
        let advice = advice(&cause);
        tracing::warn!(%error, %cause, topic, advice, "transaction aborted, trying again");
        self.observation.delivery_failures.increment(1);
        self.failures = self.failures.saturating_add(1);
        self.patience.pause(PAUSE.saturating_mul(self.failures).min(MAX_PAUSE));
    }

    /// Only now are the entries what they were answered to be.
    fn note_committed(&mut self, order: &mut Order) {
        self.failures = 0;
        for Held { ended, .. } in mem::take(&mut order.held) {
            let Ended { entry, outcome, answered_at, message } = ended;
            self.observation.delivery.record(answered_at.elapsed());
            self.observation.ended(&entry, outcome);
            if message.is_dead_letter() {
                self.observation.dead_letters.increment(1);
            }
        }
    }
}

impl Failure {
    /// What ends the transaction. One that may be committed, and does not say so, is not aborted.
    fn remedy(&self) -> Remedy {
        match remedy(&self.error) {
            Remedy::Again if self.in_doubt => Remedy::Replace,
            Remedy::Again => Remedy::Abort,
            remedy => remedy,
        }
    }
}

impl Commit for Transactor {
    /// Waits for a broker and ends what a killed predecessor left open, which holds up whoever
    /// reads its offsets and results.
    fn prepare(&mut self) {
        while self.producer.is_none() && !self.patience.is_over() {
            match self.open() {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => {
                    let id = self.settings.get("transactional.id");
                    tracing::error!(id, %error, "no transaction can be begun, trying again");
                    self.patience.pause(MAX_PAUSE);
                }
            }
        }
    }

    fn commit(&mut self, order: &mut Order) -> KafkaResult<()> {
        self.prepare();
        let (Some(producer), Some(member)) = (&self.producer, &order.member) else {
            return Err(KafkaError::Canceled);
        };
        match self.transact(producer, member, order) {
            Ok(()) => producer.works(),
            Err(failure) => {
                self.end(&failure);
                let Failure { error, in_doubt } = failure;
                if !in_doubt || !self.is_committed(&order.offsets) {
                    self.note_failure(&error, order);
                    return Err(error);
                }
            }
        }
        self.note_committed(order);
        Ok(())
    }
}

fn remedy(error: &KafkaError) -> Remedy {
    match error {
        KafkaError::Transaction(error) if error.is_fatal() => Remedy::Replace,
        KafkaError::Transaction(error) if error.is_retriable() => Remedy::Again,
        KafkaError::Transaction(error) if !error.txn_requires_abort() => Remedy::Replace,
        // A call that has not returned.
        KafkaError::Canceled => Remedy::Replace,
        // An order that was not enqueued whole: nothing of it counts.
        _ => Remedy::Abort,
    }
}

fn advice(cause: &KafkaError) -> &'static str {
    match cause.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            "the topic is missing, create it"
        }
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            "raise the topic's max.message.bytes, or lower max_message_bytes"
        }
        Some(RDKafkaErrorCode::QueueFull) => "raise max_queued_messages or max_queued_bytes",
        _ => "",
    }
}

fn list(offsets: &Offsets) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        let offset = Offset::Offset(*offset);
        list.add_partition_offset(&partition.topic, partition.number, offset)?;
    }
    Ok(list)
}
