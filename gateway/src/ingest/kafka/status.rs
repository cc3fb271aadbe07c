use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::ingest::backlog::{Backlog, PartitionEnd};

/// What others may know of the consumer at any time.
#[derive(Debug)]
pub(super) struct Status {
    healthy: AtomicBool,
    member: AtomicBool,
    assigned: AtomicUsize,
    backlog: Mutex<Backlog>,
}

impl Status {
    pub(super) fn new(max_frame_age: Option<Duration>) -> Self {
        Self {
            healthy: AtomicBool::new(true),
            member: AtomicBool::new(true),
            assigned: AtomicUsize::new(0),
            backlog: Mutex::new(Backlog::new(max_frame_age)),
        }
    }

    pub(super) fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    pub(super) fn fail(&self) {
        self.healthy.store(false, Ordering::Relaxed);
    }

    /// False from the loss of a membership until the next; true at the start.
    pub(super) fn is_member(&self) -> bool {
        self.member.load(Ordering::Relaxed)
    }

    pub(super) fn set_member(&self, member: bool) {
        self.member.store(member, Ordering::Relaxed);
    }

    pub(super) fn assigned(&self) -> usize {
        self.assigned.load(Ordering::Relaxed)
    }

    pub(super) fn set_assigned(&self, partitions: usize) {
        self.assigned.store(partitions, Ordering::Relaxed);
    }

    /// Takes a measurement in and returns the lag in records.
    pub(super) fn observe(&self, ends: Vec<PartitionEnd>) -> f64 {
        let mut backlog = self.backlog.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        backlog.observe(ends, Instant::now());
        backlog.lag()
    }

    pub(super) fn demand(&self) -> f64 {
        let backlog = self.backlog.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        backlog.demand(Instant::now())
    }
}
