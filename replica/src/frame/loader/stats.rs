use std::sync::atomic::{AtomicU64, Ordering};

use crate::frame::budget::BudgetStats;

/// What a loader holds now, and what it has done since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderStats {
    /// The byte budget.
    pub budget: BudgetStats,
    /// Frames that were decoded, reloads included.
    pub loads: u64,
    /// Frames that were decoded again because they had been evicted.
    pub reloads: u64,
    /// Loads that were served from cached pixels.
    pub shared: u64,
    /// Loads that nobody waited for any more.
    pub departed: Departed,
}

/// Loads that ended because nobody waited for them any more, by what was spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Departed {
    /// Before the fetch: everything.
    pub before_fetch: u64,
    /// While an object was fetched over a network: the rest of it, and what follows.
    pub in_fetch: u64,
    /// Before the decode.
    pub before_decode: u64,
    /// Before the resize.
    pub before_prepare: u64,
}

/// The counters behind [`LoaderStats`].
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) shared: AtomicU64,
    pub(super) departed_before_fetch: AtomicU64,
    pub(super) departed_in_fetch: AtomicU64,
    pub(super) departed_before_decode: AtomicU64,
    pub(super) departed_before_prepare: AtomicU64,
    loads: AtomicU64,
    reloads: AtomicU64,
}

impl Counts {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn decoded(&self, again: bool) {
        Self::add(&self.loads);
        if again {
            Self::add(&self.reloads);
        }
    }

    pub(super) fn stats(&self, budget: BudgetStats) -> LoaderStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LoaderStats {
            budget,
            loads: get(&self.loads),
            reloads: get(&self.reloads),
            shared: get(&self.shared),
            departed: Departed {
                before_fetch: get(&self.departed_before_fetch),
                in_fetch: get(&self.departed_in_fetch),
                before_decode: get(&self.departed_before_decode),
                before_prepare: get(&self.departed_before_prepare),
            },
        }
    }
}
