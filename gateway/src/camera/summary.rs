use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tracing::info;

/// How often the status line is logged.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// What a run of cameras sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The sum over all cameras.
    pub total: Counts,
    /// Each camera's id and counts, in the order of their numbers.
    pub cameras: Vec<(String, Counts)>,
}

/// Frames of one camera, or of all. `produced` = `acknowledged` + `failed` once a run has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames sent.
    pub produced: u64,
    /// Frames that the broker has acknowledged.
    pub acknowledged: u64,
    /// Frames given up without an acknowledgement. The broker may have one all the same, if the
    /// connection broke in between.
    pub failed: u64,
    /// Frames sent more than one interval after they were due.
    pub late: u64,
}

/// A camera's counts while it plays. Each is a count on its own: readers need no order among them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) produced: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) late: AtomicU64,
}

impl Counters {
    pub(super) fn counts(&self) -> Counts {
        Counts {
            produced: self.produced.load(Relaxed),
            acknowledged: self.acknowledged.load(Relaxed),
            failed: self.failed.load(Relaxed),
            late: self.late.load(Relaxed),
        }
    }
}

impl Summary {
    pub(super) fn new(cameras: Vec<(String, Counts)>) -> Self {
        let total = cameras.iter().fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts));
        Self { total, cameras }
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            produced: self.produced + other.produced,
            acknowledged: self.acknowledged + other.acknowledged,
            failed: self.failed + other.failed,
            late: self.late + other.late,
        }
    }
}

/// Logs the sum that `read` gives now and then, until dropped.
pub(super) async fn report(read: impl Fn() -> Summary) -> Infallible {
    let mut before = 0;
    loop {
        tokio::time::sleep(STATUS_EVERY).await;
        let Summary { total, cameras } = read();
        let per_second = (total.acknowledged - before) as f64 / STATUS_EVERY.as_secs_f64();
        before = total.acknowledged;
        let Counts { produced, acknowledged, failed, late } = total;
        info!(
            cameras = cameras.len(),
            per_second, produced, acknowledged, failed, late, "cameras are playing"
        );
    }
}
