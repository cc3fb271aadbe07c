use hdrhistogram::{Counter, Histogram};
use serde::Serialize;

/// What a run of cameras sent, as `--report` writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How long the cameras played, until the last acknowledgement.
    pub seconds: f64,
    /// The sum over all cameras.
    pub total: Counts,
    /// Over all cameras, from sending a record to its acknowledgement.
    pub acknowledgement: Latency,
    /// Each camera, in the order of their numbers.
    pub cameras: Vec<CameraSummary>,
}

/// What one camera sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraSummary {
    /// Its id, which is also its topic.
    pub camera_id: String,
    /// Its frames.
    #[serde(flatten)]
    pub counts: Counts,
    /// From sending a record to its acknowledgement.
    pub acknowledgement: Latency,
    /// Where its acknowledged records are.
    pub partitions: Vec<PartitionReport>,
}

/// Frames of one camera, or of all. `produced` = `acknowledged` + `failed` once a run has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Frames sent.
    pub produced: u64,
    /// Frames that the broker has acknowledged.
    pub acknowledged: u64,
    /// Frames given up without an acknowledgement. The broker may have one all the same, if the
    /// connection broke in between.
    pub failed: u64,
    /// Frames sent more than one interval after they were due; of a stream, those that were skipped
    /// because bucket or broker were behind.
    pub late: u64,
    /// How often a stream was connected to anew.
    pub reconnects: u64,
}

/// Acknowledgement times in milliseconds; 0 where nothing was acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half took at most this.
    pub p50_ms: f64,
    /// All but one in a hundred took at most this.
    pub p99_ms: f64,
}

/// A camera's acknowledged records in one partition of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartitionReport {
    /// Its number.
    pub partition: i32,
    /// Records that the broker has, those with unknown offsets included.
    pub acknowledged: u64,
    /// The lowest offset that the broker told.
    pub first_offset: Option<i64>,
    /// The highest offset that the broker told.
    pub last_offset: Option<i64>,
    /// Records whose offset the broker did not tell.
    pub unknown_offsets: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            produced: self.produced + other.produced,
            acknowledged: self.acknowledged + other.acknowledged,
            failed: self.failed + other.failed,
            late: self.late + other.late,
            reconnects: self.reconnects + other.reconnects,
        }
    }
}

impl Latency {
    /// Of a histogram of microseconds.
    pub(super) fn of(histogram: &Histogram<impl Counter>) -> Self {
        let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50_ms: ms(0.5), p99_ms: ms(0.99) }
    }
}

impl PartitionReport {
    pub(super) fn new(partition: i32) -> Self {
        Self {
            partition,
            acknowledged: 0,
            first_offset: None,
            last_offset: None,
            unknown_offsets: 0,
        }
    }

    pub(super) fn add(&mut self, offset: Option<i64>) {
        self.acknowledged += 1;
        self.unknown_offsets += u64::from(offset.is_none());
        self.first_offset = self.first_offset.into_iter().chain(offset).min();
        self.last_offset = self.last_offset.max(offset);
    }
}
