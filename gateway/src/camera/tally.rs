use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::{
    record::Position,
    summary::{Counts, Latency, PartitionReport},
};

/// Records of one camera without an acknowledgement before the camera waits.
pub(super) const IN_FLIGHT_PER_CAMERA: u32 = 1024;
/// Longer acknowledgements count as this long.
const LONGEST: Duration = Duration::from_secs(600);
/// Digits of a latency that are kept, of each camera.
const DIGITS: u8 = 2;

/// What became of one camera's frames. Counts are counts on their own: readers need no order
/// among them.
pub(super) struct Tally {
    camera_id: Arc<str>,
    produced: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
    late: AtomicU64,
    reconnects: AtomicU64,
    /// Where the acknowledged ones are, and how long that took.
    delivered: Mutex<Delivered>,
    /// A permit for each record that may be on its way.
    room: Arc<Semaphore>,
}

/// The acknowledged records of one camera.
struct Delivered {
    partitions: BTreeMap<i32, PartitionReport>,
    /// Microseconds.
    latency: Histogram<u32>,
}

impl Tally {
    pub(super) fn new(camera_id: &str) -> anyhow::Result<Self> {
        let latency = Histogram::new_with_bounds(1, LONGEST.as_micros() as u64, DIGITS)?;
        Ok(Self {
            camera_id: camera_id.into(),
            produced: AtomicU64::default(),
            acknowledged: AtomicU64::default(),
            failed: AtomicU64::default(),
            late: AtomicU64::default(),
            reconnects: AtomicU64::default(),
            delivered: Mutex::new(Delivered { partitions: BTreeMap::new(), latency }),
            room: Arc::new(Semaphore::new(IN_FLIGHT_PER_CAMERA as usize)),
        })
    }

    pub(super) fn camera_id(&self) -> &Arc<str> {
        &self.camera_id
    }

    /// Waits until another record may be on its way. None once no more may.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// Waits until no record is on its way.
    pub(super) async fn settled(&self) {
        // The semaphore is never closed, so this ends with all permits in hand, which go back.
        let _ = self.room.acquire_many(IN_FLIGHT_PER_CAMERA).await;
    }

    pub(super) fn note_produced(&self) {
        self.produced.fetch_add(1, Relaxed);
    }

    pub(super) fn note_late(&self) {
        self.late.fetch_add(1, Relaxed);
    }

    pub(super) fn note_reconnect(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    pub(super) fn note_acknowledged(&self, position: Position, took: Duration) {
        self.acknowledged.fetch_add(1, Relaxed);
        let mut delivered = self.delivered();
        delivered.latency.saturating_record(took.as_micros() as u64);
        let partition = position.partition;
        delivered
            .partitions
            .entry(partition)
            .or_insert_with(|| PartitionReport::new(partition))
            .add(position.offset);
    }

    /// Only a camera's first failure is logged; the others are counted.
    pub(super) fn note_failure(&self, error: &anyhow::Error) {
        if self.failed.fetch_add(1, Relaxed) == 0 {
            warn!(camera_id = %self.camera_id, error = %format_args!("{error:#}"), "frames of a camera fail to reach the broker");
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            produced: self.produced.load(Relaxed),
            acknowledged: self.acknowledged.load(Relaxed),
            failed: self.failed.load(Relaxed),
            late: self.late.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
        }
    }

    pub(super) fn partitions(&self) -> Vec<PartitionReport> {
        self.delivered().partitions.values().copied().collect()
    }

    pub(super) fn latency(&self) -> Latency {
        Latency::of(&self.delivered().latency)
    }

    /// The latency over all cameras.
    pub(super) fn latency_of_all<'a>(
        tallies: impl Iterator<Item = &'a Arc<Self>>,
    ) -> anyhow::Result<Latency> {
        let mut all: Histogram<u64> =
            Histogram::new_with_bounds(1, LONGEST.as_micros() as u64, DIGITS)?;
        for tally in tallies {
            for step in tally.delivered().latency.iter_recorded() {
                all.saturating_record_n(
                    step.value_iterated_to(),
                    step.count_since_last_iteration(),
                );
            }
        }
        Ok(Latency::of(&all))
    }

    fn delivered(&self) -> MutexGuard<'_, Delivered> {
        // A count that was left half made is still the best there is.
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn places_and_times_are_kept_by_partition() {
        let tally = Tally::new("camera_1").unwrap();
        for (partition, offset) in [(0, Some(7)), (2, None), (0, Some(9)), (0, None), (0, Some(8))]
        {
            let position = Position { partition, offset };
            tally.note_acknowledged(position, Duration::from_millis(10));
        }
        let report = |partition, acknowledged, first, last, unknown| PartitionReport {
            partition,
            acknowledged,
            first_offset: first,
            last_offset: last,
            unknown_offsets: unknown,
        };
        assert_eq!(
            tally.partitions(),
            [report(0, 4, Some(7), Some(9), 1), report(2, 1, None, None, 1)]
        );
        let Latency { p50_ms, p99_ms } = tally.latency();
        assert!((10.0..10.2).contains(&p50_ms) && (10.0..10.2).contains(&p99_ms), "{p50_ms}");
        assert_eq!(Tally::latency_of_all([Arc::new(tally)].iter()).unwrap().p50_ms, p50_ms);
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_is_settled_when_nothing_is_on_its_way() {
        let tally = Tally::new("camera_1").unwrap();
        let sent = tally.room().await.unwrap();
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, tally.settled()).await.is_err());
        drop(sent);
        tokio::time::timeout(soon, tally.settled()).await.unwrap();
    }
}
