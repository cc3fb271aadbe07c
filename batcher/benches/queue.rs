//! The whole life of an entry in the queue: submit, claim, start, finish.
//!
//! `cargo bench -p framegate-batcher`

use std::{sync::Arc, time::Duration};

use divan::{Bencher, counter::ItemsCount};
use framegate_batcher::{
    BatchLimits, EntryId, Job, NewEntry, Origin, PoolLimits, PoolQueue, Priority, Removal,
    ReplicaSeat,
};

fn main() {
    divan::main();
}

#[derive(Clone)]
struct Nothing;

impl Job for Nothing {
    fn removed(&self, _: Removal) {}
}

const ENTRIES: usize = 1024;
const CAMERAS: usize = 150;

/// 1,024 entries of 150 cameras through a pool of so many replicas, on one thread.
#[divan::bench(args = [1, 4, 32])]
fn lives(bencher: Bencher, seats: usize) {
    let keys: Vec<Arc<str>> = (0..CAMERAS).map(|n| format!("camera_{n}").into()).collect();
    let queue = PoolQueue::new(PoolLimits {
        max_queued: ENTRIES,
        max_queued_ingest: ENTRIES,
        batch: BatchLimits { max_batch_size: 16, batch_wait_timeout: Duration::from_millis(5) },
    });
    let mut seats: Vec<ReplicaSeat<Nothing>> = (0..seats).map(|_| queue.register()).collect();
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        for number in 0..ENTRIES {
            let entry = NewEntry {
                job: Nothing,
                fairness_key: keys[number % CAMERAS].clone(),
                priority: Priority::default(),
                origin: Origin::Ingest,
                deadline: None,
                latest: None,
            };
            assert!(queue.submit(entry).is_ok());
        }
        while queue.snapshot().ongoing > 0 {
            seats.iter_mut().for_each(turn);
        }
    });
}

/// A replica claims a batch, executes it and finishes it.
fn turn(seat: &mut ReplicaSeat<Nothing>) {
    let ids: Vec<EntryId> = seat.claim(16).iter().map(|claimed| claimed.id).collect();
    for id in seat.start(&ids) {
        assert!(seat.finish(id).is_some());
    }
}
