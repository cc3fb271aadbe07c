use std::{convert::Infallible, fmt, time::Duration};

use tokio::time::{MissedTickBehavior, interval_at};
use tracing::info;

use super::Counts;

/// How often progress is told.
const EVERY: Duration = Duration::from_secs(1);
/// Every so many times it is logged.
const LOGGED: u32 = 10;

/// How far the cameras are, told once a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// How many cameras play.
    pub cameras: usize,
    /// Frames sent in the last second.
    pub per_second: u64,
    /// All so far.
    pub counts: Counts,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { acknowledged, failed, late, reconnects, .. } = self.counts;
        write!(
            f,
            "{} cameras  {} frames/s  {acknowledged} acknowledged  {failed} failed  {late} late  \
             {reconnects} reconnects",
            self.cameras, self.per_second
        )
    }
}

/// Logs progress every 10 s.
pub fn logged() -> impl FnMut(Progress) + Send {
    let mut told = 0_u32;
    move |progress| {
        told = (told + 1) % LOGGED;
        if told > 0 {
            return;
        }
        let Progress { cameras, per_second, counts } = progress;
        let Counts { produced, acknowledged, failed, late, reconnects } = counts;
        info!(
            cameras,
            per_second, produced, acknowledged, failed, late, reconnects, "cameras are playing"
        );
    }
}

/// Tells what `counts` gives once a second, until dropped.
pub(super) async fn tell(
    cameras: usize,
    counts: impl Fn() -> Counts,
    mut progress: impl FnMut(Progress),
) -> Infallible {
    let mut ticks = interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = 0;
    loop {
        ticks.tick().await;
        let counts = counts();
        progress(Progress { cameras, per_second: counts.produced - before, counts });
        before = counts.produced;
    }
}
