use std::{
    collections::VecDeque,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaResult,
    topic_partition_list::{Offset, TopicPartitionListElem},
};
use tokio::sync::mpsc;

use super::{context::GroupContext, message::Fetched, statistics, status::Status};
use crate::{
    ingest::{
        entry::{Source, TakenRecord},
        observe::ConsumerMetrics,
        tracker::{Epoch, Partition, Tracker},
    },
    policy::Ingest,
};

/// This consumer's part in its group: its partitions, how far each is done, and what of that is
/// committed. Used by the consumer's thread alone, which librdkafka calls back on.
pub(super) struct Group {
    tracker: Tracker,
    /// Records of which one more entry has ended.
    ended: mpsc::Receiver<Arc<TakenRecord>>,
    /// Records that were handed out while there was no room for them, to be taken next: at most
    /// [`MAX_HELD`], and those few that librdkafka still hands out of partitions it was told to
    /// pause.
    held: VecDeque<Fetched>,
    /// Whether the partitions are paused, so that librdkafka fetches nothing.
    paused: bool,
    /// Whether an asynchronous commit is not answered yet. There is one at a time: librdkafka puts
    /// commits off while it has no coordinator, and sends them later in any order, so that an
    /// older one could undo a newer.
    committing: bool,
    /// How long a partition that is taken away waits for the end of its records.
    grace: Duration,
    status: Arc<Status>,
    metrics: Arc<ConsumerMetrics>,
}

/// Records held before the partitions are paused. librdkafka throws away what it has fetched of a
/// paused partition, and takes up to a second to fetch again; holding a few records spares that
/// when there is room again soon.
const MAX_HELD: usize = 32;

/// How long an ordinary revocation waits for records in flight, at most; the group waits with us.
const MAX_REVOKE_GRACE: Duration = Duration::from_secs(2);

impl Group {
    pub(super) fn new(
        ended: mpsc::Receiver<Arc<TakenRecord>>,
        ingest: &Ingest,
        status: Arc<Status>,
        metrics: Arc<ConsumerMetrics>,
    ) -> Self {
        Self {
            tracker: Tracker::default(),
            ended,
            held: VecDeque::new(),
            paused: false,
            committing: false,
            grace: MAX_REVOKE_GRACE.min(ingest.session_timeout / 3),
            status,
            metrics,
        }
    }

    /// Nothing will end any more that has not: partitions are given back at once.
    pub(super) fn stop_waiting(&mut self) {
        self.grace = Duration::ZERO;
        self.held.clear();
    }

    /// Counts the record in; `None` if its partition is no longer ours.
    pub(super) fn take(&mut self, source: &Source, entries: usize) -> Option<Epoch> {
        self.tracker.take(&source.partition, source.offset, entries)
    }

    /// Keeps a record until there is room.
    pub(super) fn hold(&mut self, record: Fetched) {
        self.held.push_back(record);
    }

    /// The next record that was kept.
    pub(super) fn next_held(&mut self) -> Option<Fetched> {
        self.held.pop_front()
    }

    /// Whether so many are held that librdkafka should hand out no more.
    pub(super) fn holds_enough(&self) -> bool {
        self.metrics.held.set(self.held.len() as f64);
        self.held.len() >= MAX_HELD
    }

    /// Takes note of all entries that have ended.
    pub(super) fn note_ended(&mut self) {
        while let Ok(taken) = self.ended.try_recv() {
            self.tracker.entry_ended(&taken.source.partition, taken.epoch, taken.source.offset);
        }
    }

    /// Pauses or resumes all partitions, if that is a change.
    pub(super) fn set_paused(&mut self, consumer: &BaseConsumer<GroupContext>, paused: bool) {
        if paused == self.paused {
            return;
        }
        let partitions = list(self.tracker.partitions().cloned());
        let result =
            if paused { consumer.pause(&partitions) } else { consumer.resume(&partitions) };
        match result {
            Ok(()) => self.paused = paused,
            Err(error) => tracing::warn!(%error, paused, "partitions not paused or resumed"),
        }
    }

    /// Partitions came to this consumer. They begin as the others are: flowing or paused.
    pub(super) fn assigned(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partitions: &TopicPartitionList,
    ) {
        names(partitions).for_each(|partition| self.tracker.assign(partition));
        if self.paused
            && let Err(error) = consumer.pause(partitions)
        {
            tracing::warn!(%error, "new partitions not paused");
        }
        self.show_partitions();
    }

    /// Partitions are taken away: what is in flight of them gets a short time to end, is committed,
    /// and then no longer counts.
    pub(super) fn revoke(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<()> {
        let mut committed = Ok(());
        let partitions: Vec<Partition> = names(partitions).collect();
        self.held.retain(|record| !partitions.contains(&record.source.partition));
        // Lost partitions may be another's already: a commit would be refused, or set it back.
        if !consumer.assignment_lost() {
            self.settle(&partitions);
            committed = self.commit(consumer, CommitMode::Sync);
        }
        for partition in &partitions {
            self.tracker.revoke(partition);
        }
        self.show_partitions();
        committed
    }

    /// Waits a short time for the end of what is in flight of these partitions.
    fn settle(&mut self, partitions: &[Partition]) {
        let until = Instant::now() + self.grace;
        self.note_ended();
        while partitions.iter().any(|partition| self.tracker.waiting(partition) > 0) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Whoever tells of an end wakes this thread.
            thread::park_timeout(left);
            self.note_ended();
        }
    }

    /// Begins to commit every prefix that grew, unless a commit is under way. The answer comes to
    /// [`Group::commit_answered`].
    pub(super) fn begin_commit(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
    ) -> KafkaResult<()> {
        if self.committing {
            return Ok(());
        }
        self.commit(consumer, CommitMode::Async)
    }

    fn commit(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        let grown = self.tracker.take_uncommitted();
        if grown.is_empty() {
            return Ok(());
        }
        let mut offsets = TopicPartitionList::with_capacity(grown.len());
        for (partition, offset) in &grown {
            offsets.add_partition_offset(
                &partition.topic,
                partition.number,
                Offset::Offset(*offset),
            )?;
        }
        let result = consumer.commit(&offsets, mode);
        self.committing = result.is_ok() && matches!(mode, CommitMode::Async);
        if !self.committing {
            self.commit_answered(result.is_ok(), &offsets);
        }
        result
    }

    /// A commit was answered. What was refused is committed again, unless its partition has gone.
    pub(super) fn commit_answered(&mut self, accepted: bool, offsets: &TopicPartitionList) {
        self.committing = false;
        for element in offsets.elements() {
            if accepted && element.error().is_ok() {
                self.metrics.commits.increment(1);
            } else {
                self.metrics.failed_commits.increment(1);
                self.tracker.commit_failed(&name(&element));
            }
        }
    }

    /// librdkafka's statistics: the ends of the partitions.
    pub(super) fn measure(&self, statistics: &[u8]) {
        let ends = statistics::partition_ends(statistics, &self.tracker);
        self.metrics.lag.set(self.status.observe(ends));
    }

    fn show_partitions(&self) {
        let assigned = self.tracker.partitions().len();
        self.status.set_assigned(assigned);
        self.metrics.partitions.set(assigned as f64);
    }
}

fn names(partitions: &TopicPartitionList) -> impl Iterator<Item = Partition> {
    partitions.elements().into_iter().map(|element| name(&element))
}

fn name(element: &TopicPartitionListElem) -> Partition {
    Partition { topic: element.topic().into(), number: element.partition() }
}

fn list(partitions: impl Iterator<Item = Partition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.number);
    }
    list
}
