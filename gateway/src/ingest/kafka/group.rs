use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

#[cfg(feature = "failpoints")]
use framegate_replica::failpoint;
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    topic_partition_list::TopicPartitionListElem,
};
use tokio::sync::mpsc;

use super::{
    committer::{Answer, Committer, Order},
    context::GroupContext,
    message::Fetched,
    statistics,
    status::Status,
};
use crate::{
    ingest::{
        entry::{Source, TakenRecord},
        hold_back::HoldBack,
        observe::ConsumerMetrics,
        topics::{TopicPlace, Topics},
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
    committer: Committer,
    /// Under `exactly_once`: what the committer writes together with the offsets.
    hold_back: Option<Arc<HoldBack>>,
    /// Whether the last commit failed, so that the log says it once.
    commits_fail: bool,
    /// How long a partition that is taken away waits for the end of its records.
    grace: Duration,
    status: Arc<Status>,
    metrics: Arc<ConsumerMetrics>,
    topics: Topics,
}

/// Records held before the partitions are paused. librdkafka throws away what it has fetched of a
/// paused partition, and takes up to a second to fetch again; holding a few records spares that
/// when there is room again soon.
const MAX_HELD: usize = 32;

/// Records that a transaction holds at least before it is begun ahead of its time.
const TRANSACTION_RECORDS: usize = 1000;

/// How long an ordinary revocation waits for records in flight, at most; the group waits with us.
const MAX_REVOKE_GRACE: Duration = Duration::from_secs(2);

/// How long a revocation and the last commit wait for the broker's answer. Without it the records
/// are read again.
const COMMIT_LIMIT: Duration = Duration::from_secs(5);

impl Group {
    pub(super) fn new(
        ended: mpsc::Receiver<Arc<TakenRecord>>,
        committer: Committer,
        hold_back: Option<Arc<HoldBack>>,
        ingest: &Ingest,
        status: Arc<Status>,
        metrics: Arc<ConsumerMetrics>,
    ) -> Self {
        Self {
            tracker: Tracker::default(),
            ended,
            held: VecDeque::new(),
            paused: false,
            committer,
            hold_back,
            commits_fail: false,
            grace: MAX_REVOKE_GRACE.min(ingest.session_timeout / 3),
            status,
            topics: Topics::new(metrics.topics.clone()),
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
        let epoch = self.tracker.take(&source.partition, source.offset, entries)?;
        #[cfg(feature = "failpoints")]
        if failpoint::is_planted(failpoint::COMMIT_ON_RECEIPT) {
            for _ in 0..entries {
                self.tracker.entry_ended(&source.partition, epoch, source.offset);
            }
        }
        if let Some(hold_back) = &self.hold_back {
            hold_back.enter(&source.partition, epoch);
        }
        Some(epoch)
    }

    /// Counts the record in with its topic.
    pub(super) fn topic_place(
        &mut self,
        source: &Source,
        written: SystemTime,
        now: SystemTime,
    ) -> TopicPlace {
        self.topics.taken(source, written, now)
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
        let now = SystemTime::now();
        for partition in names(partitions) {
            self.topics.assigned(&partition, now);
            self.tracker.assign(partition);
        }
        // Resumed explicitly: librdkafka keeps one paused that was lost while it was paused.
        let result =
            if self.paused { consumer.pause(partitions) } else { consumer.resume(partitions) };
        if let Err(error) = result {
            tracing::warn!(%error, paused = self.paused, "new partitions not paused or resumed");
        }
        self.show_partitions();
    }

    /// Partitions are taken away: what is in flight of them gets a short time to end, is committed,
    /// and then no longer counts.
    pub(super) fn revoke(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partitions: &TopicPartitionList,
    ) {
        let partitions: Vec<Partition> = names(partitions).collect();
        self.held.retain(|record| !partitions.contains(&record.source.partition));
        // Lost partitions may be another's already: a commit would be refused, or set it back.
        if !consumer.assignment_lost() {
            self.settle(&partitions);
            self.commit_now(consumer);
        }
        for partition in &partitions {
            self.tracker.revoke(partition);
            self.topics.revoked(partition);
            if let Some(hold_back) = &self.hold_back {
                hold_back.leave(partition);
            }
        }
        self.show_partitions();
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

    /// Whether so many records wait to be committed in one transaction that the next one is not to
    /// wait for its time.
    pub(super) fn fills_a_transaction(&self) -> bool {
        self.hold_back.is_some() && self.tracker.passed() >= TRANSACTION_RECORDS
    }

    /// Begins to commit every prefix that grew, unless a commit is under way.
    pub(super) fn begin_commit(&mut self, consumer: &BaseConsumer<GroupContext>) {
        if !self.committer.is_idle() {
            return;
        }
        let grown = self.tracker.take_uncommitted();
        if !grown.is_empty() {
            let order = match &self.hold_back {
                None => Order::from(grown),
                // All on this thread, so all of the same stays of the partitions.
                Some(hold_back) => Order {
                    held: hold_back.take(&grown),
                    member: consumer.group_metadata(),
                    offsets: grown,
                },
            };
            self.committer.begin(order);
        }
    }

    /// Takes note of the answer to a commit, if it has come.
    pub(super) fn note_answer(&mut self) {
        if let Some(answer) = self.committer.answer() {
            self.note_committed(answer);
        }
    }

    /// Commits for the last time, and waits for the answer. True if it came.
    pub(super) fn close(&mut self, consumer: &BaseConsumer<GroupContext>) -> bool {
        self.note_ended();
        self.commit_now(consumer);
        self.committer.close()
    }

    /// Commits every prefix that grew and waits for the answer, at most [`COMMIT_LIMIT`].
    fn commit_now(&mut self, consumer: &BaseConsumer<GroupContext>) {
        let until = Instant::now() + COMMIT_LIMIT;
        self.wait_for_answer(until);
        self.begin_commit(consumer);
        self.wait_for_answer(until);
    }

    fn wait_for_answer(&mut self, until: Instant) {
        if let Some(answer) = self.committer.wait(until) {
            self.note_committed(answer);
        }
    }

    /// What was refused is committed again, unless its partition has gone.
    fn note_committed(&mut self, answer: Answer) {
        let offsets = &answer.order.offsets;
        let partitions = offsets.len() as u64;
        let failed_before = mem::replace(&mut self.commits_fail, answer.result.is_err());
        if let Err(error) = &answer.result {
            self.metrics.failed_commits.increment(partitions);
            offsets.iter().for_each(|(name, _)| self.tracker.commit_failed(name));
            if let Some(hold_back) = &self.hold_back {
                hold_back.put_back(answer.order.held);
            }
            if !failed_before {
                tracing::warn!(%error, "offsets cannot be committed, trying again");
            }
        } else {
            self.metrics.commits.increment(partitions);
            self.topics.committed(offsets);
            if failed_before {
                tracing::info!("offsets are committed again");
            }
        }
    }

    /// librdkafka's statistics: the ends of the partitions.
    pub(super) fn measure(&mut self, statistics: &[u8]) {
        let ends = statistics::partition_ends(statistics, &self.tracker);
        let paused = self.paused;
        self.topics.measure(&ends, &self.tracker, |_| paused, SystemTime::now());
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
