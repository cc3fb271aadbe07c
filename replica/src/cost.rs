use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The measured cost of a pool's batches, shared by its replicas.
#[derive(Debug, Default)]
pub struct BatchCost {
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    /// Seconds.
    per_entry: Option<f64>,
    executed: Batches,
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

impl BatchCost {
    /// Takes note of an executed batch.
    pub fn record(&self, entries: usize, took: Duration) {
        let cost = took.as_secs_f64() / entries.max(1) as f64;
        let mut measured = self.lock();
        let average = measured.per_entry.map_or(cost, |old| old + NEWEST * (cost - old));
        measured.per_entry = Some(average);
        measured.executed.batches += 1;
        measured.executed.entries += entries as u64;
    }

    /// What an entry costs one replica, as a moving average; absent before the first batch.
    pub fn per_entry(&self) -> Option<Duration> {
        self.lock().per_entry.map(Duration::from_secs_f64)
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

    #[test]
    fn the_average_follows_a_change() {
        let cost = BatchCost::default();
        assert_eq!(cost.per_entry(), None);
        cost.record(4, Duration::from_millis(40));
        assert_eq!(cost.per_entry(), Some(Duration::from_millis(10)));
        for _ in 0..40 {
            cost.record(1, Duration::from_millis(20));
        }
        let after = cost.per_entry().unwrap_or_default();
        assert!(after > Duration::from_millis(19) && after <= Duration::from_millis(20));
        assert_eq!(cost.executed(), Batches { batches: 41, entries: 44 });
    }
}
