//! What waits in the topics: how much that is, and what of it is too old to be read.

use std::time::{Duration, Instant, SystemTime};

use rdkafka::{Offset, consumer::Consumer};

use super::Group;
use crate::ingest::{
    catch_up,
    kafka::{
        context::Client,
        finder::{Answer as Found, Question},
        statistics::Statistics,
    },
    tracker::{Partition, Skipped},
};

/// How long librdkafka's own thread may take to note that it is to read elsewhere.
const SEEK_LIMIT: Duration = Duration::from_secs(1);

impl Group {
    /// A record of the partition is too old, and those stamped before `since` (milliseconds since
    /// 1970) are as well: the partition is held until it is known where those end.
    pub(in crate::ingest::kafka) fn fell_behind(&mut self, partition: &Partition, since: i64) {
        if self.holds.seek(partition, Instant::now()) {
            self.behind.insert(partition.clone(), since);
        }
    }

    /// Takes note of what was found, and asks for what is to be found next. Partitions that are to
    /// be read on from an offset are in the answer.
    pub(in crate::ingest::kafka) fn note_found(&mut self) -> Vec<(Partition, i64)> {
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
            self.finder.begin(Question::Since(self.behind.drain().collect()));
        }
        targets
    }

    fn is_worth(&self, partition: &Partition, next: i64) -> bool {
        let position = self.tracker.position(partition);
        position.is_some_and(|position| catch_up::is_worth(position, next))
    }

    /// Reads the partition on from `next`. What lies between is to be ended like a record of
    /// `entries`; `None` if that is nothing, or librdkafka refuses.
    pub(in crate::ingest::kafka) fn skip(
        &mut self,
        consumer: &Client,
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

    /// The client's statistics: the ends of the partitions, and how the client stands in the group.
    /// Ends of paused partitions are asked for, to be known the next time.
    pub(in crate::ingest::kafka) fn measure(&mut self, statistics: &Statistics) {
        let sight = statistics.sight(&self.tracker);
        if sight.steady {
            self.status.set_member(true);
        }
        self.astray = self.membership.look(sight, Instant::now());
        let mut ends = statistics.partition_ends(&self.tracker);
        for known in &mut ends {
            let found = self.ends.get(&known.partition).copied();
            known.end = found.map_or(known.end, |found| found.max(known.end));
        }
        self.ends.clear();
        let paused: Vec<Partition> = self.holds.paused().cloned().collect();
        if self.finder.is_idle() && !paused.is_empty() {
            self.finder.begin(Question::Ends(paused));
        }
        let is_paused = |partition: &Partition| self.holds.is_paused(partition);
        self.topics.measure(&ends, &self.tracker, is_paused, SystemTime::now());
        self.metrics.lag.set(self.status.observe(ends));
    }
}
