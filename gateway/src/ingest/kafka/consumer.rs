use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_proto::{ErrorCode, ServeError};
use rdkafka::{
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
};
use tokio::{sync::watch, time::Instant};

use super::{context::GroupContext, message::Fetched, status::Status};
use crate::{
    ingest::{
        admission::Admission,
        entry::{Entry, Freshness, TakenRecord},
        gate::Gate,
        in_flight::InFlight,
        observe::ConsumerMetrics,
        outcome::Tries,
        record::Record,
    },
    policy::RecordMap,
};

/// The consumer, on a thread of its own: it takes records as long as there is room, queues their
/// entries, and commits behind their ends. It polls at least every [`POLL_WAIT`], paused or not.
pub(super) struct ConsumerThread {
    // What it consumes, and how.
    pub(super) consumer: BaseConsumer<GroupContext>,
    pub(super) models: Arc<[Arc<str>]>,
    pub(super) map: RecordMap,
    pub(super) max_frame_age: Option<Duration>,
    pub(super) commit_interval: Duration,
    // Where it goes, and what bounds it.
    pub(super) admission: Admission,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) gate: Gate,
    // How it is told to stop, and tells that it has.
    pub(super) wanted: watch::Receiver<Stage>,
    pub(super) reached: watch::Sender<Stage>,
    pub(super) status: Arc<Status>,
    pub(super) metrics: Arc<ConsumerMetrics>,
}

/// The life of a consumer, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Takes records.
    Taking,
    /// Stays in the group and commits, but takes no more records.
    Standing,
    /// Has committed and left the group.
    Left,
}

/// The longest wait for a record: ended entries and orders wait as long. Short against a commit
/// interval, long enough to cost nothing when idle.
const POLL_WAIT: Duration = Duration::from_millis(20);

impl ConsumerThread {
    /// Runs until told to leave, or until Kafka forbids to go on.
    pub(super) fn run(mut self) {
        if let Err(error) = self.consume() {
            tracing::error!(%error, "consumer failed for good; restart the gateway once the cause is gone");
            self.status.fail();
        }
        let Self { consumer, reached, .. } = self;
        consumer.context().group().stop_waiting();
        // Its drop leaves the group; that revokes the partitions, which commits synchronously.
        drop(consumer);
        reached.send_replace(Stage::Left);
    }

    fn consume(&mut self) -> Result<(), KafkaError> {
        let mut next_commit = Instant::now() + self.commit_interval;
        loop {
            // A dropped sender means that nobody is left to tell us.
            let wanted = match self.wanted.has_changed() {
                Ok(_) => *self.wanted.borrow(),
                Err(_) => Stage::Left,
            };
            if wanted == Stage::Left {
                return Ok(());
            }
            self.stand_if(wanted);
            self.regulate(wanted);
            self.poll(wanted)?;
            self.group().note_ended();
            if Instant::now() >= next_commit {
                let requested = self.group().commit(&self.consumer, CommitMode::Async);
                self.consumer.context().committed(&requested);
                next_commit = Instant::now() + self.commit_interval;
            }
        }
    }

    fn stand_if(&self, wanted: Stage) {
        if wanted == Stage::Standing && *self.reached.borrow() != Stage::Standing {
            self.group().stop_waiting();
            self.reached.send_replace(Stage::Standing);
        }
    }

    /// Pauses the partitions when something is full. Called before each poll, so that a record is
    /// only asked for when there is room for it.
    fn regulate(&mut self, wanted: Stage) {
        while self.in_flight.has_room() {
            let held = self.group().next_held();
            let Some(record) = held else { break };
            self.take(record);
        }
        let share = self.admission.ingest_fill(&self.models);
        let full = self.gate.decide(share, self.in_flight.fill());
        let paused = full || wanted != Stage::Taking || self.group().holds_records();
        self.group().set_paused(&self.consumer, paused);
        self.metrics.in_flight.set(self.in_flight.records() as f64);
    }

    fn poll(&self, wanted: Stage) -> Result<(), KafkaError> {
        match self.consumer.poll(POLL_WAIT) {
            None => {}
            Some(Ok(message)) => {
                self.consumer.context().logging.recovered();
                let record = Fetched::of(&message);
                if wanted != Stage::Taking {
                    // Never counted in, so never committed: the next owner reads it.
                } else if self.in_flight.has_room() && !self.group().holds_records() {
                    self.take(record);
                } else {
                    self.group().hold(record);
                }
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
            Some(Err(error)) => self.consumer.context().logging.trouble(&error, "poll"),
        }
        Ok(())
    }

    fn take(&self, fetched: Fetched) {
        let read = Record::read(&fetched.raw(), &self.map);
        let (record, bad) = match read {
            Ok(record) => (record, None),
            Err(bad) => (Record::unreadable(&fetched.raw()), Some(bad.error())),
        };
        let models: Arc<[Arc<str>]> = match &record.models {
            Some(models) => models.as_slice().into(),
            None => Arc::clone(&self.models),
        };
        let Some(epoch) = self.group().take(&fetched.source, models.len()) else { return };
        let now = (SystemTime::now(), Instant::now());
        let freshness = Freshness::of(record.captured_at, self.max_frame_age, now);
        let taken = Arc::new(TakenRecord {
            _permit: self.in_flight.admit(fetched.original.bytes()),
            source: fetched.source,
            epoch,
            record,
            original: fetched.original,
            deadline: freshness.deadline(),
        });
        self.metrics.records.increment(1);
        match (bad, freshness) {
            (Some(error), _) => {
                if let Some(counter) = self.metrics.bad_records.get(&error.code) {
                    counter.increment(1);
                }
                self.refuse(&taken, &models, &error);
            }
            (None, Freshness::TooOld) => {
                self.refuse(&taken, &models, &ServeError::new(ErrorCode::FrameTooOld));
            }
            (None, Freshness::Until(_)) => self.admission.admit(&taken, &models, Tries::default()),
        }
    }

    fn refuse(&self, taken: &Arc<TakenRecord>, models: &[Arc<str>], error: &ServeError) {
        for model in models {
            let entry = Entry {
                taken: Arc::clone(taken),
                model: Arc::clone(model),
                tries: Tries::default(),
            };
            self.admission.refuse(entry, error.clone());
        }
    }

    fn group(&self) -> std::sync::MutexGuard<'_, super::group::Group> {
        self.consumer.context().group()
    }
}
