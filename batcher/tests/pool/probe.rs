//! A job that writes down how it left the pool.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use framegate_batcher::{
    BatchLimits, Claimed, EntryId, Job, NewEntry, Origin, PoolLimits, PoolQueue, Priority, Removal,
    ReplicaSeat,
};
use tokio::time::{Instant, timeout};

/// What was told to the jobs of a test, in order.
pub type Removals = Arc<Mutex<Vec<(u64, Removal)>>>;

#[derive(Debug, Clone)]
pub struct Probe {
    number: u64,
    removals: Removals,
}

/// A pool and what its jobs were told.
pub struct Bench {
    pub pool: PoolQueue<Probe>,
    pub removals: Removals,
    submitted: u64,
}

impl Job for Probe {
    fn removed(&self, why: Removal) {
        self.removals.lock().unwrap().push((self.number, why));
    }
}

impl Bench {
    pub fn new() -> Self {
        let limits = PoolLimits {
            max_queued: 64,
            max_queued_ingest: 32,
            batch: BatchLimits { max_batch_size: 4, batch_wait_timeout: Duration::from_millis(5) },
        };
        Self { pool: PoolQueue::new(limits), removals: Removals::default(), submitted: 0 }
    }

    pub fn submit(&mut self) -> EntryId {
        self.submit_with(Origin::Interactive, None)
    }

    /// Submits an entry that expires so many milliseconds from now.
    pub fn submit_with(&mut self, origin: Origin, ttl: Option<u64>) -> EntryId {
        let job = Probe { number: self.submitted, removals: Arc::clone(&self.removals) };
        self.submitted += 1;
        let entry = NewEntry {
            job,
            fairness_key: "camera".into(),
            priority: Priority::default(),
            origin,
            deadline: ttl.map(|millis| Instant::now() + Duration::from_millis(millis)),
            latest: None,
        };
        self.pool.submit(entry).unwrap()
    }

    /// What the jobs were told since this was asked last.
    pub fn take_removals(&self) -> Vec<(u64, Removal)> {
        std::mem::take(&mut self.removals.lock().unwrap())
    }
}

/// Whether the seat's bell was rung, which this uses up.
pub async fn is_woken(seat: &ReplicaSeat<Probe>) -> bool {
    timeout(Duration::ZERO, seat.woken()).await.is_ok()
}

/// Claims until nothing comes, and sleeps.
pub async fn claim_all(seat: &mut ReplicaSeat<Probe>) -> Vec<EntryId> {
    let mut ids = Vec::new();
    loop {
        let claimed = seat.claim(usize::MAX);
        ids.extend(claimed.iter().map(|Claimed { id, .. }| *id));
        if !is_woken(seat).await {
            return ids;
        }
    }
}
