//! How much waits in the topics, and how much of it is still of use. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::tracker::Partition;

/// The records behind the end of the assigned partitions, and those of them that are fresh.
///
/// The ends are those of the last fetch responses. While paused nothing is fetched, so they stand
/// still: then the rate of arrival is taken to last, and the lag grows by it.
#[derive(Debug)]
pub struct Backlog {
    max_frame_age: Option<Duration>,
    ends: HashMap<Partition, i64>,
    seen_at: Option<Instant>,
    paused: bool,
    lag: f64,
    /// Records that arrive in a second.
    rate: f64,
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

/// How much of a new measurement goes into the rate.
const WEIGHT: f64 = 0.5;

impl Backlog {
    /// Nothing measured yet.
    pub fn new(max_frame_age: Option<Duration>) -> Self {
        Self {
            max_frame_age,
            ends: HashMap::new(),
            seen_at: None,
            paused: false,
            lag: 0.0,
            rate: 0.0,
            fresh: 0.0,
        }
    }

    /// Takes a measurement of all assigned partitions in.
    pub fn observe(&mut self, partitions: Vec<PartitionEnd>, paused: bool, now: Instant) {
        let lag = partitions.iter().map(PartitionEnd::lag).sum::<f64>();
        let still = paused && self.paused;
        let [lag_now, fresh_now] = [self.lag(now), self.fresh(now)];
        let arrived = self.arrived(&partitions);
        (self.lag, self.fresh) =
            if still { (lag.max(lag_now), fresh_now) } else { (lag, fresh_now + arrived.all) };
        if !paused && !self.paused {
            self.learn_rate(arrived.seen, now);
        }
        self.ends = partitions.into_iter().map(|p| (p.partition, p.end)).collect();
        (self.seen_at, self.paused) = (Some(now), paused);
    }

    /// Records that wait in the assigned partitions.
    pub fn lag(&self, now: Instant) -> f64 {
        let unseen = if self.paused { self.rate * self.since_seen(now) } else { 0.0 };
        self.lag + unseen
    }

    /// Records that wait and will not be too old when their turn comes: the lag, but at most what
    /// arrives within `max_frame_age`.
    pub fn demand(&self, now: Instant) -> f64 {
        match self.max_frame_age {
            Some(_) => self.lag(now).min(self.fresh(now)),
            None => self.lag(now),
        }
    }

    fn fresh(&self, now: Instant) -> f64 {
        let window = self.max_frame_age.map_or(f64::INFINITY, |age| age.as_secs_f64());
        let left = (-self.since_seen(now) / window).exp();
        let unseen = if self.paused { self.rate * window * (1.0 - left) } else { 0.0 };
        self.fresh * left + if unseen.is_finite() { unseen } else { 0.0 }
    }

    fn since_seen(&self, now: Instant) -> f64 {
        self.seen_at.map_or(0.0, |seen_at| now.duration_since(seen_at).as_secs_f64())
    }

    fn arrived(&self, partitions: &[PartitionEnd]) -> Arrived {
        let mut arrived = Arrived::default();
        for partition in partitions {
            match self.ends.get(&partition.partition) {
                Some(before) => arrived.seen += (partition.end - before).max(0) as f64,
                None => arrived.all += partition.lag(),
            }
        }
        arrived.all += arrived.seen;
        arrived
    }

    fn learn_rate(&mut self, arrived: f64, now: Instant) {
        let seconds = self.since_seen(now);
        if seconds > 0.0 {
            self.rate += (arrived / seconds - self.rate) * WEIGHT;
        }
    }
}

/// Records that came since the last measurement.
#[derive(Default)]
struct Arrived {
    /// To partitions that were measured before.
    seen: f64,
    /// With those that stood in partitions which are new to us.
    all: f64,
}

impl PartitionEnd {
    fn lag(&self) -> f64 {
        (self.end - self.position).max(0) as f64
    }
}

#[cfg(test)]
mod tests;
