//! What a change of the state brings about outside of it, done after the lock is released.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::entry::{Job, Removal};
use crate::seats::SeatId;

/// The consequences of one operation.
#[derive(Debug)]
pub(crate) struct Effects<J> {
    /// Jobs to be told that they left.
    pub removed: Vec<(J, Removal)>,
    /// Seats to be woken, with their bells.
    pub bells: Vec<(SeatId, Arc<Notify>)>,
    /// An entry is due before all that were known.
    pub deadline_moved: bool,
    /// Ongoing entries rose above the mark that somebody watches.
    pub demand_rose: bool,
    /// No entry of some origin is left.
    pub emptied: bool,
}

/// Who waits for changes of the pool as a whole.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    pub deadline_moved: Notify,
    pub demand_rose: Notify,
    pub emptied: Notify,
}

impl<J> Default for Effects<J> {
    fn default() -> Self {
        Self {
            removed: Vec::new(),
            bells: Vec::new(),
            deadline_moved: false,
            demand_rose: false,
            emptied: false,
        }
    }
}

impl<J> Effects<J> {
    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { removed, bells, deadline_moved, demand_rose, emptied } = self;
        removed.is_empty() && bells.is_empty() && !(*deadline_moved || *demand_rose || *emptied)
    }
}

impl<J: Job> Effects<J> {
    /// Wakes first, so that no code of a job can hold up a replica.
    pub(crate) fn apply(self, waiters: &Waiters) {
        self.bells.iter().for_each(|(_, bell)| bell.notify_one());
        if self.deadline_moved {
            waiters.deadline_moved.notify_one();
        }
        if self.demand_rose {
            waiters.demand_rose.notify_waiters();
        }
        if self.emptied {
            waiters.emptied.notify_waiters();
        }
        self.removed.iter().for_each(|(job, why)| job.removed(*why));
    }
}
