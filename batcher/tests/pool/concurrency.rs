//! Callers, replicas and cancellation all at once, on several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use framegate_batcher::{
    BatchLimits, Charge, EntryId, Job, NewEntry, Origin, PoolLimits, PoolQueue, PoolSnapshot,
    Priority, Removal, ReplicaSeat, SubmitError,
};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, timeout};

const CALLERS: usize = 4;
const ENTRIES_EACH: usize = 5000;
const REPLICAS: usize = 3;
const MAX_BATCH_SIZE: usize = 4;

/// A job that counts its ends.
#[derive(Clone)]
struct Counted {
    number: usize,
    ends: Arc<[AtomicUsize]>,
}

impl Counted {
    fn end(&self) {
        self.ends[self.number].fetch_add(1, Ordering::Relaxed);
    }
}

impl Job for Counted {
    fn removed(&self, _: Removal) {
        self.end();
    }
}

fn entry(number: usize, ends: &Arc<[AtomicUsize]>) -> NewEntry<Counted> {
    NewEntry {
        job: Counted { number, ends: Arc::clone(ends) },
        fairness_key: format!("camera_{}", number % 7).into(),
        priority: Priority::try_from(number as u32 % 3).unwrap(),
        origin: if number.is_multiple_of(2) { Origin::Ingest } else { Origin::Interactive },
        deadline: number.is_multiple_of(13).then(|| Instant::now() + Duration::from_millis(2)),
        latest: None,
    }
}

/// Submits its entries, again and again while the queue is full, and cancels some.
async fn call(pool: PoolQueue<Counted>, caller: usize, ends: Arc<[AtomicUsize]>) {
    for number in (caller * ENTRIES_EACH)..((caller + 1) * ENTRIES_EACH) {
        let id = loop {
            match pool.submit(entry(number, &ends)) {
                Ok(id) => break id,
                Err(refused) => assert_ne!(refused, SubmitError::Closed),
            }
            yield_now().await;
        };
        if number.is_multiple_of(11) {
            pool.cancel(id);
        }
    }
}

/// Claims and executes forever; some batches fail, and some take their replica with them.
async fn replicate(pool: PoolQueue<Counted>) {
    let mut seat = pool.register();
    for batch in 1_usize.. {
        let ids = next_claim(&mut seat).await;
        yield_now().await; // loading
        let started = seat.start(&ids);
        yield_now().await; // executing
        if batch.is_multiple_of(31) {
            seat = pool.register();
        } else if batch.is_multiple_of(17) {
            seat.give_back(&started, Charge::Suspect);
        } else {
            started.iter().filter_map(|&id| seat.finish(id)).for_each(|job| job.end());
        }
    }
}

async fn next_claim(seat: &mut ReplicaSeat<Counted>) -> Vec<EntryId> {
    loop {
        let claimed = seat.claim(MAX_BATCH_SIZE);
        if !claimed.is_empty() {
            return claimed.iter().map(|claimed| claimed.id).collect();
        }
        seat.woken().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_entry_ends_exactly_once() {
    let pool = PoolQueue::new(PoolLimits {
        max_queued: 16,
        max_queued_ingest: 8,
        batch: BatchLimits { max_batch_size: MAX_BATCH_SIZE, batch_wait_timeout: Duration::ZERO },
    });
    let ends: Arc<[AtomicUsize]> =
        (0..CALLERS * ENTRIES_EACH).map(|_| AtomicUsize::new(0)).collect();
    let mut background = JoinSet::new();
    for _ in 0..REPLICAS {
        background.spawn(replicate(pool.clone()));
    }
    let expiring = pool.clone();
    background.spawn(async move { expiring.expire_due().await });
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call(pool.clone(), caller, Arc::clone(&ends)));
    }
    let all_ended = async {
        callers.join_all().await;
        pool.drained(None).await;
    };
    timeout(Duration::from_secs(60), all_ended).await.expect("a wake-up was lost");
    background.shutdown().await;
    assert!(ends.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    let empty = PoolSnapshot { max_batch_size: MAX_BATCH_SIZE, ..PoolSnapshot::default() };
    assert_eq!(pool.snapshot(), empty);
}
