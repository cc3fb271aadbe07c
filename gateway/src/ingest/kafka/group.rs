use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

#[cfg(feature = "failpoints")]
use framegate_replica::failpoint;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    topic_partition_list::TopicPartitionListElem,
};
use tokio::sync::mpsc;

use super::{
    committer::{Answer, Committer, Order},
    context::GroupContext,
    finder::{Answer as Found, Finder, Question},
    holds::{Holds, Reading},
    message::Fetched,
    statistics,
    status::Status,
};
use crate::{
    ingest::{
        catch_up,
        entry::{Source, TakenRecord},
        gate,
        hold_back::HoldBack,
        observe::ConsumerMetrics,
        topics::{TopicPlace, Topics},
        tracker::{Epoch, Partition, Skipped, Tracker},
    },
    policy::Ingest,
};

/// This consumer's part in its group: its partitions, how far each is done, and what of that is
/// committed. Used by the consumer's thread alone, which librdkafka calls back on.
pub(super) struct Group {
    tracker: Tracker,
    /// Records of which one more entry has ended.
    ended: mpsc::Receiver<Arc<TakenRecord>>,
    /// Which partitions may be read, and what was handed out of the others.
    holds: Holds,
    /// Records that may be in flight in all partitions together.
    max_in_flight: usize,
    finder: Finder,
    /// Partitions that have fallen behind, and the time since which their records are fresh. Asked
    /// of the finder next.
    behind: HashMap<Partition, i64>,
    /// Ends of paused partitions, as the finder found them: what librdkafka knows stands still.
    ends: HashMap<Partition, i64>,
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

/// Records that a transaction holds at least before it is begun ahead of its time.
const TRANSACTION_RECORDS: usize = 1000;

/// How long an ordinary revocation waits for records in flight, at most; the group waits with us.
const MAX_REVOKE_GRACE: Duration = Duration::from_secs(2);

/// How long a revocation and the last commit wait for the broker's answer. Without it the records
/// are read again.
const COMMIT_LIMIT: Duration = Duration::from_secs(5);

/// How long librdkafka's own thread may take to note that it is to read elsewhere.
const SEEK_LIMIT: Duration = Duration::from_secs(1);

impl Group {
    pub(super) fn new(
        ended: mpsc::Receiver<Arc<TakenRecord>>,
        committer: Committer,
        hold_back: Option<Arc<HoldBack>>,
        finder: Finder,
        ingest: &Ingest,
        status: Arc<Status>,
        metrics: Arc<ConsumerMetrics>,
    ) -> Self {
        Self {
            tracker: Tracker::default(),
            ended,
            holds: Holds::default(),
            max_in_flight: ingest.max_in_flight,
            finder,
            behind: HashMap::new(),
            ends: HashMap::new(),
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
        self.holds.clear();
    }

    /// Counts the record in; `None` if its partition is no longer ours, or it was skipped.
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
        self.regulate(&source.partition);
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

    /// Whether a record of the partition may be taken that was just handed out.
    pub(super) fn is_open(&self, partition: &Partition) -> bool {
        self.holds.is_open(partition)
    }

    /// Keeps a record until there is room.
    pub(super) fn hold(&mut self, record: Fetched) {
        self.holds.hold(record);
    }

    /// The next record that was kept and for whose partition there is room.
    pub(super) fn next_held(&mut self) -> Option<Fetched> {
        self.holds.next()
    }

    /// Whether every partition has its share of the records in flight.
    pub(super) fn all_shut(&self) -> bool {
        self.holds.all_shut()
    }

    /// Takes note of all entries that have ended.
    pub(super) fn note_ended(&mut self) {
        while let Ok(taken) = self.ended.try_recv() {
            let partition = &taken.source.partition;
            self.tracker.entry_ended(partition, taken.epoch, taken.source.offset);
            self.regulate(partition);
        }
    }

    /// Opens and shuts partitions by what all of them have by now.
    pub(super) fn regulate_all(&mut self) {
        let partitions: Vec<Partition> = self.tracker.partitions().cloned().collect();
        partitions.iter().for_each(|partition| self.regulate(partition));
    }

    fn regulate(&mut self, partition: &Partition) {
        let (partitions, in_all) = (self.tracker.partitions().len(), self.tracker.waiting_in_all());
        let share = gate::share(self.max_in_flight, partitions, in_all);
        self.holds.regulate(partition, self.tracker.waiting(partition), share);
    }

    /// Pauses and resumes the partitions for which that has changed.
    pub(super) fn pause_and_resume(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        reading: Reading,
    ) {
        let changes = self.holds.changes(reading);
        for (pause, partitions) in changes.iter().filter(|(_, of)| !of.is_empty()) {
            let list = list(partitions.iter().cloned());
            let result = if *pause { consumer.pause(&list) } else { consumer.resume(&list) };
            match result {
                Ok(()) => self.holds.note_paused(partitions, *pause),
                Err(error) => {
                    self.holds.note_refused();
                    tracing::warn!(%error, pause, "partitions not paused or resumed");
                }
            }
        }
        let shut =
            if reading == Reading::Open { self.holds.shut() } else { self.status.assigned() };
        self.metrics.paused_partitions.set(shut as f64);
        self.metrics.held.set(self.holds.held() as f64);
    }

    /// A record of the partition is too old, and those stamped before `since` (milliseconds since
    /// 1970) are as well: the partition is held until it is known where those end.
    pub(super) fn fell_behind(&mut self, partition: &Partition, since: i64) {
        if self.holds.seek(partition, Instant::now()) {
            self.behind.insert(partition.clone(), since);
        }
    }

    /// Takes note of what was found, and asks for what is to be found next. Partitions that are to
    /// be read on from an offset are in the answer.
    pub(super) fn note_found(&mut self) -> Vec<(Partition, i64)> {
        let mut targets = Vec::new();
        match self.finder.answer() {
            Some(Found::Since(found)) => {
                let now = Instant::now();
                found.iter().for_each(|(partition, _)| self.holds.found(partition, now));
                let known =
                    found.into_iter().filter_map(|(partition, offset)| Some((partition, offset?)));
                targets = known.filter(|(p, offset)| self.is_worth(p, *offset)).collect();
            }
            Some(Found::Ends(ends)) => self.ends = ends.into_iter().collect(),
            None => {}
        }
        if self.finder.is_idle() && !self.behind.is_empty() {
            self.finder.ask(Question::Since(self.behind.drain().collect()));
        }
        targets
    }

    fn is_worth(&self, partition: &Partition, next: i64) -> bool {
        let position = self.tracker.position(partition);
        position.is_some_and(|position| catch_up::is_worth(position, next))
    }

    /// Reads the partition on from `next`. What lies between is to be ended like a record of
    /// `entries`; `None` if that is nothing, or librdkafka refuses.
    pub(super) fn skip(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partition: &Partition,
        next: i64,
        entries: usize,
    ) -> Option<Skipped> {
        if !self.is_worth(partition, next) {
            return None;
        }
        let offset = Offset::Offset(next);
        if let Err(error) = consumer.seek(&partition.topic, partition.number, offset, SEEK_LIMIT) {
            tracing::warn!(%partition, %error, "old records not skipped, but read and dropped");
            return None;
        }
        // They are read again, as far as they are not skipped.
        self.holds.discard(partition);
        let skipped = self.tracker.skip(partition, next, entries)?;
        if let Some(hold_back) = &self.hold_back {
            hold_back.enter(partition, skipped.epoch);
        }
        self.regulate(partition);
        Some(skipped)
    }

    /// Partitions came to this consumer. An offset says where one begins of which the group has
    /// committed nothing.
    pub(super) fn assigned(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partitions: &TopicPartitionList,
    ) {
        // librdkafka keeps a partition paused that was lost while it was.
        if let Err(error) = consumer.resume(partitions) {
            tracing::warn!(%error, "new partitions not resumed");
        }
        let now = SystemTime::now();
        for element in partitions.elements() {
            let partition = name(&element);
            self.topics.assigned(&partition, now);
            self.tracker.assign(partition.clone());
            self.holds.assign(partition.clone());
            if let Offset::Offset(begin) = element.offset() {
                self.tracker.begin(&partition, begin);
            }
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
            self.holds.revoke(partition);
            self.behind.remove(partition);
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

    /// Commits for the last time, and waits for the answer. Whether it came, so that the committer
    /// ends; and whether the finder does.
    pub(super) fn close(&mut self, consumer: &BaseConsumer<GroupContext>) -> (bool, bool) {
        self.note_ended();
        self.commit_now(consumer);
        (self.committer.close(), self.finder.close())
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

    /// librdkafka's statistics: the ends of the partitions. Those of paused ones are asked for, to
    /// be known the next time.
    pub(super) fn measure(&mut self, statistics: &[u8]) {
        let mut ends = statistics::partition_ends(statistics, &self.tracker);
        for known in &mut ends {
            let found = self.ends.get(&known.partition).copied();
            known.end = found.map_or(known.end, |found| found.max(known.end));
        }
        self.ends.clear();
        let paused: Vec<Partition> = self.holds.paused().cloned().collect();
        if self.finder.is_idle() && !paused.is_empty() {
            self.finder.ask(Question::Ends(paused));
        }
        let is_paused = |partition: &Partition| self.holds.is_paused(partition);
        self.topics.measure(&ends, &self.tracker, is_paused, SystemTime::now());
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
