use std::{collections::VecDeque, sync::Arc, time::Duration};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaResult,
    topic_partition_list::{Offset, TopicPartitionListElem},
};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{context::GroupContext, message::Fetched, statistics, status::Status};
use crate::ingest::{
    entry::{Source, TakenRecord},
    observe::ConsumerMetrics,
    tracker::{Epoch, Partition, Tracker},
};

/// This consumer's part in its group: its partitions, how far each is done, and what of that is
/// committed. Used by the consumer's thread alone, which librdkafka calls back on.
pub(super) struct Group {
    tracker: Tracker,
    /// Records of which one more entry has ended.
    ended: mpsc::Receiver<Arc<TakenRecord>>,
    /// Records that were handed out while there was no room for them. librdkafka forgets what it
    /// has fetched of a partition as soon as that is paused, so there is hardly ever one; at most
    /// there are as many as it may fetch ahead.
    held: VecDeque<Fetched>,
    paused: bool,
    /// How long a partition that is taken away waits for the end of its records.
    grace: Duration,
    status: Arc<Status>,
    metrics: Arc<ConsumerMetrics>,
}

/// How long an ordinary revocation waits for records in flight, at most; the group waits with us.
const MAX_REVOKE_GRACE: Duration = Duration::from_secs(2);

impl Group {
    pub(super) fn new(
        ended: mpsc::Receiver<Arc<TakenRecord>>,
        session_timeout: Duration,
        status: Arc<Status>,
        metrics: Arc<ConsumerMetrics>,
    ) -> Self {
        Self {
            tracker: Tracker::default(),
            ended,
            held: VecDeque::new(),
            paused: false,
            grace: MAX_REVOKE_GRACE.min(session_timeout / 3),
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

    pub(super) fn holds_records(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes note of all entries that have ended.
    pub(super) fn note_ended(&mut self) {
        while let Ok(taken) = self.ended.try_recv() {
            self.note(&taken);
        }
    }

    fn note(&mut self, taken: &TakenRecord) {
        self.tracker.entry_ended(&taken.source.partition, taken.epoch, taken.source.offset);
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
        self.show_partitions();
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
        runtime: &Handle,
    ) -> KafkaResult<()> {
        let mut committed = Ok(());
        let partitions: Vec<Partition> = names(partitions).collect();
        self.held.retain(|record| !partitions.contains(&record.source.partition));
        // Lost partitions may be another's already: a commit would be refused, or set it back.
        if !consumer.assignment_lost() {
            self.settle(&partitions, runtime);
            committed = self.commit(consumer, CommitMode::Sync);
        }
        for partition in &partitions {
            self.tracker.revoke(partition);
        }
        self.show_partitions();
        committed
    }

    fn settle(&mut self, partitions: &[Partition], runtime: &Handle) {
        self.note_ended();
        if self.grace.is_zero() {
            return;
        }
        let until = Instant::now() + self.grace;
        while partitions.iter().any(|partition| self.tracker.waiting(partition) > 0) {
            match runtime.block_on(async { timeout_at(until, self.ended.recv()).await }) {
                Ok(Some(taken)) => self.note(&taken),
                _ => return,
            }
        }
    }

    /// Commits every prefix that grew. An asynchronous commit is answered through
    /// [`Group::commit_answered`].
    pub(super) fn commit(
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
        if result.is_err() || matches!(mode, CommitMode::Sync) {
            self.commit_answered(result.is_ok(), &offsets);
        }
        result
    }

    /// A commit was answered. What was refused is committed again, unless its partition has gone.
    pub(super) fn commit_answered(&mut self, accepted: bool, offsets: &TopicPartitionList) {
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
        self.metrics.lag.set(self.status.observe(ends, self.paused));
    }

    fn show_partitions(&self) {
        let assigned = self.tracker.partitions().len();
        self.status.set_assigned(assigned);
        self.metrics.partitions.set(assigned as f64);
        self.metrics.paused_partitions.set(if self.paused { assigned as f64 } else { 0.0 });
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
