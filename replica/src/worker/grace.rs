use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long a draining replica may finish what it executes. Clones are the same, so that it can be
/// set while replicas run.
#[derive(Debug, Clone)]
pub struct GracePeriod(Arc<AtomicU64>);

impl GracePeriod {
    /// From now on this long, for replicas that begin to drain.
    pub fn set(&self, period: Duration) {
        self.0.store(micros(period), Relaxed);
    }

    /// How long it is now.
    pub fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }
}

impl From<Duration> for GracePeriod {
    fn from(period: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(micros(period))))
    }
}

/// Half a million years fit.
fn micros(period: Duration) -> u64 {
    u64::try_from(period.as_micros()).unwrap_or(u64::MAX)
}
