mod behind;
mod commits;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

#[cfg(feature = "failpoints")]
use framegate_replica::failpoint;
use rdkafka::{
    Offset, TopicPartitionList, consumer::Consumer, topic_partition_list::TopicPartitionListElem,
};
use tokio::sync::mpsc;

use super::{
    committer::Committer,
    context::Client,
    finder::Finder,
    holds::{Holds, Reading},
    message::Fetched,
    status::Status,
};
use crate::{
    ingest::{
        entry::{Source, TakenRecord},
        gate,
        hold_back::HoldBack,
        membership::{Astray, Membership},
        observe::ConsumerMetrics,
        topics::{TopicPlace, Topics},
        tracker::{Epoch, Partition, Tracker},
    },
    policy::Ingest,
};

/// The group as its consumer's thread and its client share it. The lock is there because a client's
/// context is shared by its type: it is never held across a poll and never waited for.
#[derive(Clone)]
pub(super) struct SharedGroup(Arc<Mutex<Group>>);

/// This consumer's part in its group: its partitions, how far each is done, and what of that is
/// committed. Used by the consumer's thread alone, which librdkafka calls back on. It outlives a
/// client that is given up.
pub(super) struct Group {
    membership: Membership,
    /// How the client has gone astray, if it has.
    astray: Option<Astray>,
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

/// How long an ordinary revocation waits for records in flight, at most; the group waits with us.
const MAX_REVOKE_GRACE: Duration = Duration::from_secs(2);

impl Group {
    /// No member yet.
    pub(super) fn new(
        ended: mpsc::Receiver<Arc<TakenRecord>>,
        hold_back: Option<Arc<HoldBack>>,
        ingest: &Ingest,
        (status, metrics): (Arc<Status>, Arc<ConsumerMetrics>),
    ) -> Self {
        Self {
            membership: Membership::new(ingest.session_timeout),
            astray: None,
            tracker: Tracker::default(),
            ended,
            holds: Holds::default(),
            max_in_flight: ingest.max_in_flight,
            finder: Finder::closed(),
            behind: HashMap::new(),
            ends: HashMap::new(),
            committer: Committer::closed(),
            hold_back,
            commits_fail: false,
            grace: MAX_REVOKE_GRACE.min(ingest.session_timeout / 3),
            status,
            topics: Topics::new(metrics.topics.clone()),
            metrics,
        }
    }

    /// A client is about to join that these commit and ask through.
    pub(super) fn joins(&mut self, committer: Committer, finder: Finder) {
        (self.committer, self.finder) = (committer, finder);
    }

    /// The client is given up, and all partitions with it: of what is not committed nothing is, and
    /// it is read again. Whatever is under way through the client is the last.
    pub(super) fn gives_up(&mut self) {
        let partitions: Vec<Partition> = self.tracker.partitions().cloned().collect();
        self.forget(&partitions);
        (self.committer, self.finder) = (Committer::closed(), Finder::closed());
        self.ends.clear();
        self.membership.begins_anew();
        self.astray = None;
    }

    /// How the client has gone astray, if it has.
    pub(super) fn astray(&self) -> Option<Astray> {
        self.astray
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
    pub(super) fn pause_and_resume(&mut self, consumer: &Client, reading: Reading) {
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

    /// Partitions came to this consumer. An offset says where one begins of which the group has
    /// committed nothing.
    pub(super) fn assigned(&mut self, consumer: &Client, partitions: &TopicPartitionList) {
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
    pub(super) fn revoke(&mut self, consumer: &Client, partitions: &TopicPartitionList) {
        let partitions: Vec<Partition> = names(partitions).collect();
        // Lost partitions may be another's already: a commit would be refused, or set it back.
        if !consumer.assignment_lost() {
            self.settle(&partitions);
            self.commit_now(consumer);
        }
        self.forget(&partitions);
    }

    /// They are no longer ours.
    fn forget(&mut self, partitions: &[Partition]) {
        for partition in partitions {
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

    fn show_partitions(&self) {
        let assigned = self.tracker.partitions().len();
        self.status.set_assigned(assigned);
        self.metrics.partitions.set(assigned as f64);
    }
}

impl SharedGroup {
    /// To be shared with each client.
    pub(super) fn new(group: Group) -> Self {
        Self(Arc::new(Mutex::new(group)))
    }

    /// The group; not to be held across a poll.
    pub(super) fn lock(&self) -> MutexGuard<'_, Group> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
