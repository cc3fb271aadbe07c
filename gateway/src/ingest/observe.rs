use std::{collections::HashMap, sync::Arc, time::Duration};

use framegate_proto::ErrorCode;
use metrics::{Counter, Gauge, Histogram};

use super::{entry::Entry, outcome::OutcomeKind, topics::TopicSource};
use crate::{
    board::{Board, PairEnd, Tally},
    metrics::{Registry, names},
};

/// Sees how each (record, model) ends, within this process.
pub trait OutcomeObserver: Send + Sync + 'static {
    /// Called once for each end, after it was acknowledged; it must not block. `frame_age` is the
    /// time since the capture, if the record says when that was.
    fn ended(&self, model: &Arc<str>, outcome: &OutcomeKind, frame_age: Option<Duration>);
}

/// Where an ingest rule's entries end: in metrics and at the observer.
pub struct Observation {
    models: HashMap<Arc<str>, ModelMetrics>,
    /// For models that a record named and the rule does not: records must not make new series.
    other: ModelMetrics,
    retries: HashMap<ErrorCode, Counter>,
    /// From the answer until every sink has acknowledged it, in seconds.
    pub delivery: Histogram,
    /// Entries that the dead-letter topic has acknowledged.
    pub dead_letters: Counter,
    /// Tries of a sink or of the dead-letter topic that failed.
    pub delivery_failures: Counter,
    observer: Option<Arc<dyn OutcomeObserver>>,
    board: Arc<Board>,
}

/// What the consumer counts.
pub struct ConsumerMetrics {
    /// Records taken.
    pub records: Counter,
    /// Counts the records' cameras.
    pub board: Arc<Board>,
    /// Records that could not be read.
    pub bad_records: HashMap<ErrorCode, Counter>,
    /// Records in flight.
    pub in_flight: Gauge,
    /// Commits that the broker acknowledged, by partition.
    pub commits: Counter,
    /// Commits that failed, by partition.
    pub failed_commits: Counter,
    /// Memberships of the group that were lost for good, so that it was joined anew.
    pub lost_memberships: Counter,
    /// Assigned partitions.
    pub partitions: Gauge,
    /// Partitions that are paused.
    pub paused_partitions: Gauge,
    /// Records handed out while there was no room.
    pub held: Gauge,
    /// Records behind the end of the assigned partitions.
    pub lag: Gauge,
    /// Where those of each topic are registered.
    pub topics: TopicSource,
}

struct ModelMetrics {
    tally: Arc<Tally>,
    outcomes: HashMap<OutcomeKind, Counter>,
    frame_age: Histogram,
}

/// The `model` label of what no rule feeds.
const OTHER: &str = "other";

impl Observation {
    /// Registers the metrics of a rule that feeds `models`.
    pub fn new(
        registry: &Registry,
        group: &str,
        models: &[Arc<str>],
        observer: Option<Arc<dyn OutcomeObserver>>,
    ) -> Self {
        let by_group = [("group", group)];
        let retry = |code: &ErrorCode| {
            (*code, registry.counter(names::INGEST_RETRIES, &[("reason", code.reason())]))
        };
        Self {
            models: models
                .iter()
                .map(|model| (Arc::clone(model), ModelMetrics::new(registry, model)))
                .collect(),
            other: ModelMetrics::new(registry, OTHER),
            retries: ErrorCode::ALL.iter().map(retry).collect(),
            delivery: registry.histogram(names::INGEST_DELIVERY_SECONDS, &by_group),
            dead_letters: registry.counter(names::INGEST_DEAD_LETTERS, &by_group),
            delivery_failures: registry.counter(names::INGEST_DELIVERY_FAILURES, &by_group),
            observer,
            board: registry.board().clone(),
        }
    }

    /// An entry ended.
    pub fn ended(&self, entry: &Entry, outcome: OutcomeKind) {
        let (model, frame_age) = (&entry.model, entry.frame_age());
        let metrics = self.models.get(model).unwrap_or(&self.other);
        if let Some(counter) = metrics.outcomes.get(&outcome) {
            counter.increment(entry.taken.records);
        }
        if let (OutcomeKind::Delivered, Some(age)) = (outcome, frame_age) {
            metrics.frame_age.record(age);
        }
        entry.taken.topic.ended(outcome, entry.taken.records);
        self.note(entry, outcome, &metrics.tally);
        if let Some(observer) = &self.observer {
            observer.ended(model, &outcome, frame_age);
        }
    }

    /// Notes for operators what was not noted with the answer.
    fn note(&self, entry: &Entry, outcome: OutcomeKind, tally: &Tally) {
        let end = match outcome {
            OutcomeKind::Delivered => return,
            OutcomeKind::Dropped(reason) => {
                tally.dropped(reason, entry.taken.records);
                PairEnd::Skipped
            }
            OutcomeKind::DeadLettered(_) => PairEnd::Error,
        };
        if let Some(camera) = self.board.cameras.get(&entry.taken.record.camera_id) {
            camera.ended(end);
        }
    }

    /// An entry will be tried again because of this.
    pub fn retried(&self, code: ErrorCode) {
        if let Some(counter) = self.retries.get(&code) {
            counter.increment(1);
        }
    }
}

impl ModelMetrics {
    fn new(registry: &Registry, model: &str) -> Self {
        let counter = |kind: OutcomeKind| {
            let (outcome, reason) = kind.labels();
            let labels = [("model", model), ("outcome", outcome), ("reason", reason)];
            (kind, registry.counter(names::INGEST_OUTCOMES, &labels))
        };
        Self {
            tally: registry.board().tally(model),
            outcomes: OutcomeKind::all().map(counter).collect(),
            frame_age: registry.histogram(names::INGEST_FRAME_AGE_SECONDS, &[("model", model)]),
        }
    }
}

impl ConsumerMetrics {
    /// Registers the metrics of the consumer of `group`.
    pub fn new(registry: &Registry, group: &str) -> Self {
        let by_group = [("group", group)];
        let commits = |result| {
            registry.counter(names::INGEST_COMMITS, &[("group", group), ("result", result)])
        };
        let bad = |code: &ErrorCode| {
            let labels = [("group", group), ("reason", code.reason())];
            (*code, registry.counter(names::INGEST_BAD_RECORDS, &labels))
        };
        Self {
            board: registry.board().clone(),
            records: registry.counter(names::INGEST_RECORDS, &by_group),
            bad_records: [ErrorCode::MalformedReference, ErrorCode::InvalidRequest]
                .iter()
                .map(bad)
                .collect(),
            in_flight: registry.gauge(names::INGEST_IN_FLIGHT, &by_group),
            commits: commits("acknowledged"),
            failed_commits: commits("failed"),
            lost_memberships: registry.counter(names::INGEST_LOST_MEMBERSHIPS, &by_group),
            partitions: registry.gauge(names::INGEST_PARTITIONS, &by_group),
            paused_partitions: registry.gauge(names::INGEST_PAUSED_PARTITIONS, &by_group),
            held: registry.gauge(names::INGEST_HELD_RECORDS, &by_group),
            lag: registry.gauge(names::INGEST_LAG_RECORDS, &by_group),
            topics: TopicSource::new(registry, group),
        }
    }

    /// The consumer has left its group: what it shows of the present is nothing.
    pub fn left(&self) {
        let Self { in_flight, partitions, paused_partitions, held, lag, .. } = self;
        for gauge in [in_flight, partitions, paused_partitions, held, lag] {
            gauge.set(0.0);
        }
    }
}
