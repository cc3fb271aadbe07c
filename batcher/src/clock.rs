//! Where a pool has the time from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The clock of a pool: the real one, or one of a simulation. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    simulated: Option<Arc<Simulated>>,
}

#[derive(Debug)]
struct Simulated {
    start: Instant,
    /// Nanoseconds since the start.
    passed: AtomicU64,
}

impl Clock {
    /// A clock that stands still but for [`set`](Self::set).
    #[must_use]
    pub fn simulated() -> Self {
        let simulated = Simulated { start: Instant::now(), passed: AtomicU64::new(0) };
        Self { simulated: Some(Arc::new(simulated)) }
    }

    /// Whether it is one of a simulation.
    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.simulated.as_ref().map_or_else(Instant::now, |simulated| {
            simulated.start + Duration::from_nanos(simulated.passed.load(Ordering::Relaxed))
        })
    }

    /// So much time has passed since it was made. It does nothing to the real one.
    pub fn set(&self, passed: Duration) {
        if let Some(simulated) = &self.simulated {
            let nanoseconds = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
            simulated.passed.store(nanoseconds, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_shows_what_it_is_told() {
        let clock = Clock::simulated();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.clone().set(Duration::from_secs(7));
        assert_eq!(clock.now() - start, Duration::from_secs(7));
    }
}
