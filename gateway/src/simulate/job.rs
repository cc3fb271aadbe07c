use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use framegate_batcher::{Job, Removal};

/// A request in a simulation.
#[derive(Debug, Clone)]
pub(super) struct SimulatedJob {
    /// When it came in, since the start.
    pub(super) came_at: Duration,
    /// Where it is counted if it leaves without a result.
    pub(super) removed: Arc<Removed>,
}

/// Requests that left a pool without a result.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub(super) expired: AtomicU64,
    pub(super) superseded: AtomicU64,
}

impl Job for SimulatedJob {
    fn removed(&self, why: Removal) {
        match why {
            Removal::Expired => self.removed.expired.fetch_add(1, Ordering::Relaxed),
            Removal::Superseded => self.removed.superseded.fetch_add(1, Ordering::Relaxed),
            // Nobody cancels, discards or closes here.
            Removal::Cancelled | Removal::Discarded | Removal::Closed => 0,
        };
    }
}
