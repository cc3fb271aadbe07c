use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    thread::Thread,
    time::Duration,
};

use framegate_proto::{ErrorCode, ServeError};
use framegate_replica::{Answer, failpoint};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    admission::{Admission, Answered, End},
    entry::{Entry, TakenRecord},
    hold_back::HoldBack,
    kafka::DeadLetters,
    observe::Observation,
    outcome::{DropReason, OutcomeKind, Verdict, backoff, judge},
    result::{drop_record, result_record},
};
use crate::{
    policy::Retries,
    sink::{About, Batch, Sink, SinkError, SinkRecord, Sinks},
};

/// Brings every answer to its end: results into the sinks, drops into the drop log, dead letters
/// into their topic, and what can succeed later back to its pool.
///
/// Everything it starts ends with it: dropping its future abandons what has no outcome yet.
pub struct Delivery {
    /// The answers, of which as many as wait are delivered together.
    pub answers: mpsc::Receiver<Answered>,
    /// For further tries.
    pub admission: Admission,
    /// Where results and drops go.
    pub sinks: Arc<Sinks>,
    /// Where dead letters go; the sinks, if absent.
    pub dead_letters: Option<Arc<DeadLetters>>,
    /// Under `exactly_once`: where everything goes instead, to be written with its offset.
    pub hold_back: Option<Arc<HoldBack>>,
    /// How entries are tried again.
    pub retries: Retries,
    /// Cancelled when no entry is to be tried again.
    pub stopping: CancellationToken,
    /// Where ends are told.
    pub ends: Arc<Ends>,
    /// Further tries that wait for their time, and dead letters on their way. Each holds a record
    /// in flight, which bounds them.
    pub tasks: JoinSet<()>,
}

/// Tells of ended entries: the consumer, which commits behind them, the metrics and the observer.
pub struct Ends {
    /// To the consumer, with a place for each entry in flight.
    pub told: mpsc::Sender<Arc<TakenRecord>>,
    /// The consumer's thread, which may be waiting for an end.
    pub consumer: Thread,
    /// To metrics and observer.
    pub observation: Arc<Observation>,
}

/// An entry that has ended once its message is written.
#[derive(Debug)]
pub struct Ended {
    /// The entry.
    pub entry: Entry,
    /// How it ends.
    pub outcome: OutcomeKind,
    /// When it was answered.
    pub answered_at: Instant,
    /// What is to be written.
    pub message: Message,
}

/// What is written of an entry.
#[derive(Debug)]
pub enum Message {
    /// A result, or the error that takes its place, for the sinks.
    Result(SinkRecord),
    /// A line of the drop log.
    Drop(SinkRecord),
    /// The record itself, for the dead-letter topic, because of this.
    DeadLetter(ServeError),
}

/// What one round writes, and what has ended once it is written.
#[derive(Default)]
struct Round(Vec<Ended>);

/// Answers that are delivered together, at most.
const ROUND: usize = 256;
/// Rounds on their way to the sinks at once, at most. A broker that is far away acknowledges late,
/// and the next must not wait for that; what they hold is in flight, which bounds it.
const MAX_ROUNDS: usize = 32;
/// While so many are on their way, another begins only once it is full: fewer and larger ones cost
/// less.
const SMALL_ROUNDS: usize = 4;

impl Delivery {
    /// Delivers until no answer can come any more.
    pub async fn run(mut self) {
        let mut answered = Vec::with_capacity(ROUND);
        let mut rounds = FuturesUnordered::new();
        loop {
            tokio::select! {
                // A round that began is polled before the next begins, so that a sink that takes
                // it at once is handed the rounds in their order.
                biased;
                Some(()) = rounds.next() => {}
                count = self.answers.recv_many(&mut answered, ROUND),
                        if self.may_begin(rounds.len()) => {
                    if count == 0 {
                        break;
                    }
                    self.join_tasks();
                    let mut round = Round::default();
                    for answered in answered.drain(..) {
                        self.sort(answered, &mut round);
                    }
                    rounds.push(self.write(round));
                }
            }
        }
        while rounds.next().await.is_some() {}
    }

    /// Whether a round may begin while so many are on their way.
    fn may_begin(&self, rounds: usize) -> bool {
        rounds < SMALL_ROUNDS || rounds < MAX_ROUNDS && self.answers.len() >= ROUND
    }

    /// A task that panicked has lost its entry, whose offset would be held for ever by a gateway that
    /// looks well: so the delivery panics with it.
    fn join_tasks(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                resume_unwind(panic);
            }
        }
    }

    fn sort(&mut self, answered: Answered, round: &mut Round) {
        let Answered { mut entry, end, at } = answered;
        let error = match end {
            End::Dropped(reason) => return round.dropped(entry, reason, at),
            End::Answer(Err(error)) => error,
            End::Answer(served) => return round.result(entry, &served, OutcomeKind::Delivered, at),
        };
        entry.tries = entry.tries.after(error.code);
        let spread = (&entry.taken.source, &entry.model);
        let stopping = self.stopping.is_cancelled();
        match judge(&error, entry.tries, &self.retries, stopping, spread) {
            Verdict::Drop(reason) => round.dropped(entry, reason, at),
            Verdict::Retry(after) => self.retry(entry, after, error.code),
            Verdict::DeadLetter => self.dead_letter(entry, error, at, round),
            // Forgotten: the offset stays where it is.
            Verdict::Abandon => {}
        }
    }

    fn retry(&mut self, entry: Entry, after: Duration, code: ErrorCode) {
        self.ends.observation.retried(code);
        // A frame that becomes too old meanwhile is dropped then, not after the whole wait.
        let left = entry.taken.deadline.map(|deadline| deadline.duration_since(Instant::now()));
        let wait = left.map_or(after, |left| left.min(after));
        let (admission, stopping) = (self.admission.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            // The stop comes first, so that nothing is queued after it.
            tokio::select! {
                biased;
                () = stopping.cancelled() => {}
                () = sleep(wait) => admission.admit(&entry.taken, &[entry.model], entry.tries),
            }
        });
    }

    fn dead_letter(&mut self, entry: Entry, error: ServeError, at: Instant, round: &mut Round) {
        let outcome = OutcomeKind::DeadLettered(error.code);
        let Some(dead_letters) = self.dead_letters.clone() else {
            return match &self.hold_back {
                Some(hold_back) if hold_back.takes_dead_letters() => {
                    round.0.push(Ended {
                        entry,
                        outcome,
                        answered_at: at,
                        message: Message::DeadLetter(error),
                    });
                }
                _ => round.result(entry, &Err(error), outcome, at),
            };
        };
        let (ends, base) = (Arc::clone(&self.ends), self.retries.backoff);
        self.tasks.spawn(async move {
            let mut failures = 0;
            while let Err(failure) = dead_letters.send(&entry, &error).await {
                failures += 1;
                ends.observation.delivery_failures.increment(1);
                tracing::warn!(entry = entry.id(), failures, error = %failure, "dead letter not written, trying again");
                sleep(backoff(base, failures, &entry.taken.source)).await;
            }
            ends.observation.dead_letters.increment(1);
            ends.end(entry, outcome, at);
        });
    }

    /// Returns when every sink has acknowledged the round, and only then are its entries ended. It
    /// goes to the sinks of the moment, whatever sinks come while it is on its way. A
    /// held round is told at once: the committer writes it before it commits the offsets.
    fn write(&self, round: Round) -> impl Future<Output = ()> + Send + use<> {
        let (batch, ended) = match &self.hold_back {
            Some(hold_back) => {
                round.0.into_iter().for_each(|ended| self.hold(hold_back, ended));
                (Batch::default(), Vec::new())
            }
            None => round.split(),
        };
        let (sinks, ends) = (Arc::clone(&self.sinks), Arc::clone(&self.ends));
        let set = sinks.current();
        let base = self.retries.backoff;
        async move {
            if ended.is_empty() {
                return;
            }
            let batch = Arc::new(batch);
            for sink in set.iter() {
                ends.persist(sink, &sinks, &batch, base).await;
            }
            for (entry, outcome, answered_at) in ended {
                ends.end(entry, outcome, answered_at);
            }
        }
    }

    /// Held before it is told: whoever sees the offset finds the result.
    fn hold(&self, hold_back: &HoldBack, ended: Ended) {
        let taken = Arc::clone(&ended.entry.taken);
        hold_back.put(ended);
        self.ends.tell(taken);
    }
}

/// A sink's panic is a failure like any other: it is asked again.
async fn deliver(sink: &dyn Sink, batch: &Arc<Batch>) -> Result<(), SinkError> {
    let step = async {
        failpoint!(async "sink.before", SinkError::Broker("failpoint".to_owned()));
        sink.deliver(Arc::clone(batch)).await?;
        failpoint!(async "sink.after", SinkError::Broker("failpoint".to_owned()));
        Ok(())
    };
    AssertUnwindSafe(step).catch_unwind().await.unwrap_or(Err(SinkError::Panicked))
}

impl Ends {
    /// Returns once the sink has acknowledged the batch, or has failed and is none of the policy's
    /// any more.
    async fn persist(
        &self,
        sink: &Arc<dyn Sink>,
        sinks: &Sinks,
        batch: &Arc<Batch>,
        base: Duration,
    ) {
        let mut failures = 0;
        while let Err(error) = deliver(&**sink, batch).await {
            failures += 1;
            self.observation.delivery_failures.increment(1);
            if !sinks.current().has(sink) {
                tracing::warn!(sink = sink.name(), failures, %error, "removed sink failed, left out");
                return;
            }
            tracing::warn!(sink = sink.name(), failures, %error, "sink failed, trying again");
            sleep(backoff(base, failures, sink.name())).await;
        }
    }

    fn end(&self, entry: Entry, outcome: OutcomeKind, answered_at: Instant) {
        self.observation.delivery.record(answered_at.elapsed());
        self.observation.ended(&entry, outcome);
        self.tell(entry.taken);
    }

    fn tell(&self, taken: Arc<TakenRecord>) {
        // It has a place for every entry in flight, each of which ends once; and a record is in
        // flight as long as one of its ends waits there. It is closed only after a fatal error of
        // the consumer, when nothing can be committed any more.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.told.try_send(taken) {
            tracing::error!("end of an entry lost; its offset stays uncommitted");
        }
        self.consumer.unpark();
    }
}

impl Round {
    fn result(&mut self, entry: Entry, answer: &Answer, outcome: OutcomeKind, at: Instant) {
        let json = result_record(&entry, answer);
        let (version, reason) = match answer {
            Ok(served) => (Some(Arc::clone(&served.version)), None),
            Err(error) => (None, Some(error.code.reason())),
        };
        let message = Message::Result(sink_record(&entry, version, reason, json));
        self.0.push(Ended { entry, outcome, answered_at: at, message });
    }

    fn dropped(&mut self, entry: Entry, reason: DropReason, at: Instant) {
        let json = drop_record(&entry, reason);
        let message = Message::Drop(sink_record(&entry, None, Some(reason.name()), json));
        let outcome = OutcomeKind::Dropped(reason);
        self.0.push(Ended { entry, outcome, answered_at: at, message });
    }

    /// What the sinks write, and what has ended then.
    fn split(self) -> (Batch, Vec<(Entry, OutcomeKind, Instant)>) {
        let (mut batch, mut ended) = (Batch::default(), Vec::with_capacity(self.0.len()));
        for Ended { entry, outcome, answered_at, message } in self.0 {
            match message {
                Message::Result(record) => batch.results.push(record),
                Message::Drop(record) => batch.drops.push(record),
                // Only held rounds have any: elsewhere they have a task of their own.
                Message::DeadLetter(_) => {}
            }
            ended.push((entry, outcome, answered_at));
        }
        (batch, ended)
    }
}

impl Message {
    /// Whether it is for the dead-letter topic.
    pub fn is_dead_letter(&self) -> bool {
        matches!(self, Self::DeadLetter(_))
    }

    /// How much memory it holds; a dead letter's record is in flight anyway.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Result(record) | Self::Drop(record) => {
                record.json.len() + record.about.id.len() + size_of::<Ended>()
            }
            Self::DeadLetter(error) => error.message.len() + size_of::<Ended>(),
        }
    }
}

fn sink_record(
    entry: &Entry,
    version: Option<Arc<str>>,
    reason: Option<&'static str>,
    json: Vec<u8>,
) -> SinkRecord {
    let record = &entry.taken.record;
    let about = About {
        id: entry.id(),
        model: Arc::clone(&entry.model),
        version,
        reason,
        traceparent: record.traceparent.clone(),
    };
    SinkRecord { camera_id: Arc::clone(&record.camera_id), about, json }
}

#[cfg(test)]
mod tests;
