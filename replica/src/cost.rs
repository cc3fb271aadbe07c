use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use framegate_batcher::{BatchCosts, BatchLimits, Sizing};
use tokio::time::Instant;

/// The measured cost of a pool's batches, shared by its replicas, and what follows from it.
#[derive(Debug, Default)]
pub struct BatchCost {
    /// The objective by which batches are sized; without one, their bounds are given.
    sizing: Option<Sizing>,
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    /// Seconds.
    per_entry: Option<f64>,
    executed: Batches,
    /// By size; measured by the first replica, under an objective.
    by_size: Option<BatchCosts>,
    /// When batches were sized last.
    sized_at: Option<Instant>,
}

/// Batches that were executed, and the entries in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batches {
    /// Batches.
    pub batches: u64,
    /// Entries.
    pub entries: u64,
}

/// Weight of the newest batch in the moving average: about the last ten batches count.
const NEWEST: f64 = 0.2;
/// Batches are sized anew no more often than this.
const PERIOD: Duration = Duration::from_millis(100);

impl BatchCost {
    /// Of a pool whose batches are sized by an objective, or not.
    pub fn new(sizing: Option<Sizing>) -> Self {
        Self { sizing, measured: Mutex::default() }
    }

    /// Of a pool that takes the place of another one, and goes on with the other's count of batches.
    #[must_use]
    pub fn counting_on(self, before: &Self) -> Self {
        self.lock().executed = before.executed();
        self
    }

    /// The objective, if batches of each size are still to be measured for it.
    pub fn to_measure(&self) -> Option<Sizing> {
        self.sizing.filter(|_| self.lock().by_size.is_none())
    }

    /// Takes note of what batches cost by their size, and answers the bounds that follow.
    pub fn measured(&self, costs: BatchCosts) -> Option<BatchLimits> {
        let limits = self.sizing?.limits(&costs);
        let size = limits.max_batch_size;
        let mut measured = self.lock();
        measured.per_entry.get_or_insert(costs.of(size).as_secs_f64() / size as f64);
        measured.by_size = Some(costs);
        Some(limits)
    }

    /// Takes note of an executed batch. Under an objective, answers the bounds that follow, from
    /// time to time.
    pub fn record(&self, entries: usize, took: Duration, now: Instant) -> Option<BatchLimits> {
        let cost = took.as_secs_f64() / entries.max(1) as f64;
        let mut measured = self.lock();
        let average = measured.per_entry.map_or(cost, |old| old + NEWEST * (cost - old));
        measured.per_entry = Some(average);
        measured.executed.batches += 1;
        measured.executed.entries += entries as u64;
        let is_due = measured.sized_at.is_none_or(|at| now >= at + PERIOD);
        let costs = measured.by_size.as_mut()?;
        costs.adjust(entries, took);
        if !is_due {
            return None;
        }
        let limits = self.sizing?.limits(costs);
        measured.sized_at = Some(now);
        Some(limits)
    }

    /// What an entry costs one replica, as a moving average; absent before anything was executed or
    /// measured.
    pub fn per_entry(&self) -> Option<Duration> {
        self.lock().per_entry.map(Duration::from_secs_f64)
    }

    /// The objective and what one entry alone costs, if that does not keep it.
    pub fn too_slow(&self) -> Option<(Duration, Duration)> {
        let (sizing, alone) = (self.sizing?, self.lock().by_size.as_ref()?.of(1));
        (!sizing.allows(alone)).then_some((sizing.latency_slo, alone))
    }

    /// What was executed so far.
    pub fn executed(&self) -> Batches {
        self.lock().executed
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_average_follows_a_change() {
        let (cost, now) = (BatchCost::default(), Instant::now());
        assert_eq!(cost.per_entry(), None);
        assert_eq!(cost.record(4, ms(40), now), None);
        assert_eq!(cost.per_entry(), Some(ms(10)));
        for _ in 0..40 {
            cost.record(1, ms(20), now);
        }
        let after = cost.per_entry().unwrap_or_default();
        assert!(after > ms(19) && after <= ms(20));
        assert_eq!(cost.executed(), Batches { batches: 41, entries: 44 });
        assert_eq!(cost.to_measure(), None);
    }

    #[test]
    fn batches_are_sized_from_time_to_time_as_their_cost_changes() {
        let sizing = Sizing { latency_slo: ms(100), max_batch_size: 8 };
        let cost = BatchCost::new(Some(sizing));
        assert_eq!(cost.to_measure(), Some(sizing));
        let start = Instant::now();
        assert_eq!(cost.record(1, ms(20), start), None, "nothing was measured yet");
        let costs = BatchCosts::measured(&[(1, ms(20)), (8, ms(24))]).unwrap();
        assert_eq!(cost.measured(costs).map(|limits| limits.max_batch_size), Some(8));
        assert_eq!(cost.to_measure(), None);
        let sized = |milliseconds: u64, took: u64| {
            let limits = cost.record(8, ms(took), start + ms(milliseconds));
            limits.map(|limits| limits.max_batch_size)
        };
        assert_eq!(sized(0, 24), Some(8));
        assert_eq!(sized(99, 24), None);
        assert_eq!(sized(100, 24), Some(8));
        (101..190).for_each(|at| assert_eq!(sized(at, 96), None));
        assert_eq!(sized(200, 96), Some(1), "now two do not fit");
        assert_eq!(cost.too_slow().map(|(slo, _)| slo), Some(ms(100)));
    }
}
