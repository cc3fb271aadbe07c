//! Which replica is woken by what.

use crate::probe::{Bench, claim_all, is_woken};
use framegate_batcher::{Charge, EntryId};

#[tokio::test(start_paused = true)]
async fn a_permit_outlives_the_wait() {
    let mut bench = Bench::new();
    let mut seat = bench.pool.register();
    assert_eq!(claim_all(&mut seat).await, []);
    bench.submit();
    assert!(is_woken(&seat).await, "rung while nobody listened");
    assert!(!is_woken(&seat).await, "rung once");
}

#[tokio::test(start_paused = true)]
async fn a_new_seat_is_woken_for_what_waits() {
    let mut bench = Bench::new();
    assert!(!is_woken(&bench.pool.register()).await);
    bench.submit();
    assert!(is_woken(&bench.pool.register()).await);
}

#[tokio::test(start_paused = true)]
async fn each_submit_wakes_another_idle_seat() {
    let mut bench = Bench::new();
    let mut seats = [bench.pool.register(), bench.pool.register(), bench.pool.register()];
    for seat in &mut seats {
        claim_all(seat).await;
    }
    for _ in 0..3 {
        bench.submit(); // before any of them looks again
    }
    for seat in &seats {
        assert!(is_woken(seat).await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_least_loaded_seat_is_woken() {
    let mut bench = Bench::new();
    let mut executing = bench.pool.register();
    let batch = [bench.submit()];
    claim_all(&mut executing).await;
    assert_eq!(executing.start(&batch), batch);
    claim_all(&mut executing).await;
    let mut idle = bench.pool.register();
    claim_all(&mut idle).await;
    bench.submit();
    assert!(is_woken(&idle).await && !is_woken(&executing).await);
    claim_all(&mut idle).await;
    bench.submit();
    assert!(is_woken(&executing).await && !is_woken(&idle).await, "it holds nothing unstarted");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_leaves_something_wakes_the_next_seat() {
    let mut bench = Bench::new();
    let mut first = bench.pool.register();
    let mut second = bench.pool.register();
    claim_all(&mut first).await;
    claim_all(&mut second).await;
    bench.submit();
    first.stop_claiming();
    drop(first);
    assert!(is_woken(&second).await);
    let mut third = bench.pool.register();
    claim_all(&mut third).await;
    bench.submit();
    bench.submit();
    assert_eq!(second.claim(4).len(), 1);
    assert!(is_woken(&third).await);
}

#[tokio::test(start_paused = true)]
async fn a_full_seat_is_left_alone_until_it_has_room() {
    let mut bench = Bench::new();
    let mut seat = bench.pool.register();
    let first = bench.submit();
    assert!(is_woken(&seat).await);
    assert_eq!(seat.claim(1).len(), 1);
    let second = bench.submit();
    assert!(!is_woken(&seat).await, "full");
    assert_eq!(seat.start(&[first]), [first]);
    assert!(is_woken(&seat).await, "started");
    assert_eq!(seat.claim(1).len(), 1);
    let third = bench.submit();
    assert!(!is_woken(&seat).await, "full again");
    assert!(seat.finish(second).is_some());
    assert!(is_woken(&seat).await, "finished");
    assert_eq!(seat.claim(1).len(), 1);
    seat.give_back(&[third], Charge::Free);
    assert!(is_woken(&seat).await, "given back");
}

#[tokio::test(start_paused = true)]
async fn a_seat_hears_of_the_entries_that_leave_it() {
    let mut bench = Bench::new();
    let mut seat = bench.pool.register();
    let ids: Vec<EntryId> = (0..4).map(|_| bench.submit()).collect();
    assert_eq!(claim_all(&mut seat).await, ids);
    assert!(bench.pool.cancel(ids[0]));
    assert!(is_woken(&seat).await, "cancelled");
    assert!(!seat.is_wanted(ids[0]) && seat.is_wanted(ids[1]));
    claim_all(&mut seat).await;

    let mut idle = bench.pool.register();
    assert_eq!(claim_all(&mut idle).await, ids[3..]);
    assert!(is_woken(&seat).await, "recalled");
    assert!(!seat.is_wanted(ids[3]) && idle.is_wanted(ids[3]));
}

#[tokio::test(start_paused = true)]
async fn an_idle_seat_is_woken_to_recall() {
    let mut bench = Bench::new();
    let mut busy = bench.pool.register();
    let ids = [bench.submit(), bench.submit()];
    claim_all(&mut busy).await;
    let mut idle = bench.pool.register();
    assert_eq!(claim_all(&mut idle).await, ids[1..]);
    assert!(idle.finish(ids[1]).is_some());
    assert_eq!(claim_all(&mut idle).await, [], "the other one holds a single entry");

    bench.submit();
    assert!(is_woken(&idle).await);
    let third = claim_all(&mut idle).await;
    assert!(is_woken(&busy).await);
    assert_eq!(busy.start(&ids[..1]), ids[..1]);
    claim_all(&mut busy).await;
    assert_eq!(idle.start(&third), third);
    let fourth = bench.submit();
    assert!(is_woken(&busy).await);
    assert_eq!(claim_all(&mut busy).await, [fourth]);
    assert!(idle.finish(third[0]).is_some());
    assert_eq!(claim_all(&mut idle).await, [fourth], "it would wait for the batch");
}

#[tokio::test(start_paused = true)]
async fn returned_work_wakes_the_others() {
    let mut bench = Bench::new();
    let mut other = bench.pool.register();
    let mut busy = bench.pool.register();
    claim_all(&mut other).await;
    claim_all(&mut busy).await;

    let id = bench.submit();
    assert!(is_woken(&other).await && !is_woken(&busy).await);
    assert_eq!(claim_all(&mut other).await, [id]);
    other.give_back(&[id], Charge::Free);
    assert!(is_woken(&busy).await || is_woken(&other).await, "given back");

    assert_eq!(claim_all(&mut busy).await, [id]);
    claim_all(&mut other).await;
    busy.stop_claiming();
    assert!(is_woken(&other).await, "drained");

    assert_eq!(claim_all(&mut other).await, [id]);
    let mut third = bench.pool.register();
    claim_all(&mut third).await;
    drop(other);
    assert!(is_woken(&third).await, "lost");
}
