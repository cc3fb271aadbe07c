//! How much waits in the topics, and how much of it is still of use. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::tracker::Partition;

/// The records behind the end of the assigned partitions, and those of them that are fresh.
///
/// The ends are those of the last fetch responses; of a paused partition, of which nothing is
/// fetched, those that the broker was asked for.
#[derive(Debug)]
pub struct Backlog {
    max_frame_age: Option<Duration>,
    ends: HashMap<Partition, i64>,
    seen_at: Option<Instant>,
    lag: f64,
    /// Records that arrived within about `max_frame_age`: each counts less the longer it is ago, so
    /// that a steady arrival makes it rate × age. What stood in a partition when it came to us
    /// counts as just arrived, since its age is not known before it is read.
    fresh: f64,
}

/// What is known of one assigned partition.
#[derive(Debug, Clone)]
pub struct PartitionEnd {
    /// The partition.
    pub partition: Partition,
    /// The offset after its last record.
    pub end: i64,
    /// The offset of the next record to be taken.
    pub position: i64,
}

impl Backlog {
    /// Nothing measured yet.
    pub fn new(max_frame_age: Option<Duration>) -> Self {
        Self { max_frame_age, ends: HashMap::new(), seen_at: None, lag: 0.0, fresh: 0.0 }
    }

    /// Takes a measurement of all assigned partitions in.
    pub fn observe(&mut self, partitions: Vec<PartitionEnd>, now: Instant) {
        let arrived: f64 = partitions.iter().map(|partition| self.arrived(partition)).sum();
        self.fresh = self.fresh(now) + arrived;
        self.lag = partitions.iter().map(PartitionEnd::lag).sum();
        self.ends = partitions.into_iter().map(|p| (p.partition, p.end)).collect();
        self.seen_at = Some(now);
    }

    /// Records that wait in the assigned partitions.
    pub fn lag(&self) -> f64 {
        self.lag
    }

    /// Records that wait and will not be too old when their turn comes: the lag, but at most what
    /// arrives within `max_frame_age`.
    pub fn demand(&self, now: Instant) -> f64 {
        match self.max_frame_age {
            Some(_) => self.lag.min(self.fresh(now)),
            None => self.lag,
        }
    }

    fn fresh(&self, now: Instant) -> f64 {
        let (Some(age), Some(seen_at)) = (self.max_frame_age, self.seen_at) else { return 0.0 };
        self.fresh * (-now.duration_since(seen_at).as_secs_f64() / age.as_secs_f64()).exp()
    }

    fn arrived(&self, partition: &PartitionEnd) -> f64 {
        match self.ends.get(&partition.partition) {
            Some(before) => (partition.end - before).max(0) as f64,
            None => partition.lag(),
        }
    }
}

impl PartitionEnd {
    /// Records that wait in it, those missing between its offsets included.
    pub fn records(&self) -> i64 {
        (self.end - self.position).max(0)
    }

    fn lag(&self) -> f64 {
        self.records() as f64
    }
}

#[cfg(test)]
mod tests;
