//! What happens at its time, with the clock of the test.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::probe::{Bench, claim_all, is_woken};
use framegate_batcher::{
    BatchLimits, Job, NewEntry, Origin, PoolLimits, PoolQueue, Priority, Removal, SubmitError,
};
use tokio::time::{Instant, advance, timeout};

const MILLI: Duration = Duration::from_millis(1);
/// By then what a test waits for has happened, if it ever does.
const SECOND: Duration = Duration::from_secs(1);

fn expire_in_background(bench: &Bench) {
    let pool = bench.pool.clone();
    tokio::spawn(async move { pool.expire_due().await });
}

#[tokio::test(start_paused = true)]
async fn entries_expire_when_they_are_due() {
    let mut bench = Bench::new();
    expire_in_background(&bench);
    let start = Instant::now();
    bench.submit_with(Origin::Interactive, Some(50));
    tokio::task::yield_now().await; // now the task waits for the later deadline
    bench.submit_with(Origin::Ingest, Some(20));
    timeout(SECOND, bench.pool.drained(Some(Origin::Ingest))).await.unwrap();
    assert_eq!(start.elapsed(), 20 * MILLI);
    timeout(SECOND, bench.pool.drained(None)).await.unwrap();
    assert_eq!(start.elapsed(), 50 * MILLI);
    assert_eq!(bench.take_removals(), [(1, Removal::Expired), (0, Removal::Expired)]);
}

#[tokio::test(start_paused = true)]
async fn claimed_and_executing_entries_expire_too() {
    let mut bench = Bench::new();
    expire_in_background(&bench);
    let ids = [(); 2].map(|()| bench.submit_with(Origin::Interactive, Some(20)));
    let mut seat = bench.pool.register();
    assert_eq!(claim_all(&mut seat).await, ids);
    assert_eq!(seat.start(&ids[..1]), ids[..1]);
    timeout(SECOND, seat.woken()).await.unwrap();
    assert_eq!(seat.counts(), (0, 0));
    assert!(!seat.is_wanted(ids[0]) && seat.finish(ids[0]).is_none());
    assert_eq!(bench.take_removals(), [(0, Removal::Expired), (1, Removal::Expired)]);
}

#[tokio::test(start_paused = true)]
async fn a_start_does_not_wait_for_the_expiry_task() {
    let mut bench = Bench::new();
    let id = bench.submit_with(Origin::Interactive, Some(20));
    let mut seat = bench.pool.register();
    assert_eq!(claim_all(&mut seat).await, [id]);
    advance(20 * MILLI).await;
    assert_eq!(seat.start(&[id]), []);
    assert_eq!(bench.take_removals(), [(0, Removal::Expired)]);
}

#[tokio::test(start_paused = true)]
async fn demand_is_told_when_it_rises_above_the_mark() {
    let mut bench = Bench::new();
    let pool = bench.pool.clone();
    let risen = tokio::spawn(async move { pool.demand_above(2).await });
    let pool = bench.pool.clone();
    let far = tokio::spawn(async move { pool.demand_above(3).await });
    tokio::task::yield_now().await;
    bench.submit();
    let id = bench.submit();
    tokio::task::yield_now().await;
    assert!(!risen.is_finished());
    assert!(bench.pool.cancel(id));
    bench.submit();
    bench.submit();
    timeout(MILLI, risen).await.unwrap().unwrap();
    assert!(!far.is_finished());
    bench.submit();
    timeout(MILLI, far).await.unwrap().unwrap();
    timeout(MILLI, bench.pool.demand_above(3)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn demand_is_weighted_by_time() {
    let mut bench = Bench::new();
    let ids = [bench.submit(), bench.submit()];
    advance(3000 * MILLI).await;
    assert_eq!(bench.pool.snapshot().ongoing, 2);
    let mut seat = bench.pool.register();
    claim_all(&mut seat).await;
    assert!(seat.finish(ids[0]).is_some());
    advance(1000 * MILLI).await;
    assert!((bench.pool.ongoing_area() - 7.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_pool_drains_per_origin() {
    let mut bench = Bench::new();
    let id = bench.submit();
    bench.submit_with(Origin::Ingest, None);
    bench.pool.stop_accepting();
    assert!(timeout(MILLI, bench.pool.drained(Some(Origin::Ingest))).await.is_err());
    assert_eq!(bench.pool.discard_unstarted(Origin::Ingest), 1);
    timeout(MILLI, bench.pool.drained(Some(Origin::Ingest))).await.unwrap();

    let mut seat = bench.pool.register();
    claim_all(&mut seat).await;
    let pool = bench.pool.clone();
    let drained = tokio::spawn(async move { pool.drained(None).await });
    tokio::task::yield_now().await;
    assert!(!drained.is_finished());
    assert!(seat.finish(id).is_some());
    timeout(MILLI, drained).await.unwrap().unwrap();
    assert_eq!(bench.take_removals(), [(1, Removal::Discarded)]);
}

#[tokio::test(start_paused = true)]
async fn closing_tells_every_job_and_every_replica() {
    let mut bench = Bench::new();
    let first = bench.submit();
    let mut seat = bench.pool.register();
    claim_all(&mut seat).await;
    bench.submit();
    assert_eq!(bench.pool.close(), 2);
    assert!(is_woken(&seat).await && seat.finish(first).is_none());
    assert_eq!(bench.take_removals(), [(0, Removal::Closed), (1, Removal::Closed)]);
    assert_eq!(bench.pool.close(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_pool_tells_the_jobs_it_holds() {
    let mut bench = Bench::new();
    bench.submit();
    let Bench { pool, removals, .. } = bench;
    let seat = pool.register();
    drop(pool);
    assert_eq!(*removals.lock().unwrap(), [], "the seat keeps it");
    drop(seat);
    assert_eq!(*removals.lock().unwrap(), [(0, Removal::Closed)]);
}

/// A job that asks its pool when it is told or dropped, which would lock up under the pool's lock.
#[derive(Clone)]
struct Nosy(Arc<NosyInner>);
struct NosyInner(Arc<OnceLock<PoolQueue<Nosy>>>);

impl Job for Nosy {
    fn removed(&self, _: Removal) {
        assert_eq!(self.0.0.get().unwrap().snapshot().ongoing, 0);
    }
}

impl Drop for NosyInner {
    fn drop(&mut self) {
        assert!(self.0.get().unwrap().snapshot().ongoing <= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_run_outside_the_lock() {
    let pool = PoolQueue::new(PoolLimits {
        max_queued: 1,
        max_queued_ingest: 1,
        batch: BatchLimits { max_batch_size: 1, batch_wait_timeout: MILLI },
    });
    let cell = Arc::new(OnceLock::from(pool.clone()));
    let entry = || NewEntry {
        job: Nosy(Arc::new(NosyInner(Arc::clone(&cell)))),
        fairness_key: "camera".into(),
        priority: Priority::default(),
        origin: Origin::Interactive,
        deadline: None,
        latest: None,
    };
    let id = pool.submit(entry()).unwrap();
    assert_eq!(pool.submit(entry()), Err(SubmitError::Full { queued: 1, limit: 1 }));
    assert!(pool.cancel(id));
    pool.submit(entry()).unwrap();
    let mut seat = pool.register();
    let claimed = seat.claim(1);
    drop(seat.finish(claimed[0].id));
    drop(claimed);
    assert_eq!(pool.snapshot().ongoing, 0);
}
