//! What is measured of the queue: the parts, and the data that they work on.
//!
//! Always 1,024 entries without a deadline, of 150 cameras in turns, in batches of 16; on one thread.

use std::{sync::Arc, time::Duration};

use framegate_batcher::{
    BatchLimits, Desk, EntryId, Formed, Job, NewEntry, Origin, PoolLimits, PoolQueue, Priority,
    Removal, ReplicaSeat,
};
use tokio::time::Instant;

/// Entries that pass in one measurement.
pub const ENTRIES: usize = 1024;

const CAMERAS: usize = 150;
const BATCH: BatchLimits =
    BatchLimits { max_batch_size: 16, batch_wait_timeout: Duration::from_millis(5) };

/// A job that nobody waits for.
#[derive(Clone)]
pub struct Nothing;

impl Job for Nothing {
    fn removed(&self, _: Removal) {}
}

/// A queue and its replicas.
pub struct Pool {
    queue: PoolQueue<Nothing>,
    seats: Vec<ReplicaSeat<Nothing>>,
    cameras: Vec<Arc<str>>,
}

/// An empty queue of so many replicas, which all entries have passed once.
pub fn used(seats: usize) -> Pool {
    let limits = PoolLimits { max_queued: ENTRIES, max_queued_ingest: ENTRIES, batch: BATCH };
    let queue = PoolQueue::new(limits);
    let seats = (0..seats).map(|_| queue.register()).collect();
    let cameras = (0..CAMERAS).map(|camera| format!("camera_{camera}").into()).collect();
    let mut pool = Pool { queue, seats, cameras };
    lives(&mut pool);
    pool
}

/// The same with all entries waiting.
pub fn backlog(seats: usize) -> Pool {
    let pool = used(seats);
    submit_all(&pool);
    pool
}

/// The desk of the only replica of a queue in which all entries wait.
pub fn desk() -> Desk<Nothing, ()> {
    let mut pool = backlog(1);
    Desk::new(pool.seats.remove(0))
}

/// The whole life of each entry: it is submitted, claimed with others, started and finished.
pub fn lives(pool: &mut Pool) {
    submit_all(pool);
    claims(pool);
}

/// Replicas take turns: each claims what it may, starts and finishes it, until nothing waits.
pub fn claims(pool: &mut Pool) {
    while pool.queue.ongoing() > 0 {
        pool.seats.iter_mut().for_each(turn);
    }
}

/// A replica claims until nothing waits, and executes batches of what is ready, which comes in
/// another order than it was claimed in.
pub fn forms(desk: &mut Desk<Nothing, ()>) {
    loop {
        let claimed = desk.claim();
        if claimed.is_empty() {
            return;
        }
        for (id, Nothing) in claimed.into_iter().rev() {
            desk.set_ready(id, ());
        }
        let Formed::Batch(batch) = desk.form(Instant::now()) else {
            panic!("a full batch waits for nothing");
        };
        let ids: Vec<EntryId> = batch.iter().map(|slot| slot.entry.id).collect();
        assert_eq!(desk.seat_mut().finish_all(&ids).len(), BATCH.max_batch_size);
    }
}

fn submit_all(pool: &Pool) {
    for camera in pool.cameras.iter().cycle().take(ENTRIES) {
        let entry = NewEntry {
            job: Nothing,
            fairness_key: camera.clone(),
            priority: Priority::default(),
            origin: Origin::Ingest,
            deadline: None,
            latest: None,
        };
        assert!(pool.queue.submit(entry).is_ok());
    }
}

fn turn(seat: &mut ReplicaSeat<Nothing>) {
    let (_, claimed) = seat.claim_all();
    let ids: Vec<EntryId> = claimed.iter().map(|claimed| claimed.id).collect();
    let started = seat.start(&ids);
    assert!(seat.finish_all(&started).iter().all(Option::is_some));
}
