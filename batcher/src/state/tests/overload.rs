//! An overloaded pool keeps serving as much as it can.

use super::*;

/// Twice as many entries as one replica can execute arrive, each with 100 ms to live; the replica
/// takes 10 ms for each and holds one loading behind the one that it executes.
#[test]
fn overload_does_not_make_every_entry_late() {
    let start = Instant::now();
    let batch = BatchLimits { max_batch_size: 1, ..limits().batch };
    let limits = PoolLimits { max_queued: 1000, batch, ..limits() };
    let mut state = State::new(limits, start);
    let (seat, _) = state.register();
    let mut loading: Option<EntryId> = None;
    let mut executing: Option<EntryId> = None;
    let mut finished = 0;
    for millis in (0..2000).step_by(5) {
        let now = start + Duration::from_millis(millis);
        state.advance(now);
        let deadline = Some(now + Duration::from_millis(100));
        state.submit(&NewEntry { deadline, ..entry(millis, Origin::Interactive) }).unwrap();
        if millis % 10 == 0 {
            let ended = executing.take().and_then(|id| state.finish(seat, id));
            finished += usize::from(ended.is_some() && millis > 1000);
            executing = loading.take().filter(|id| !state.start(seat, &[*id]).is_empty());
            loading = claim(&mut state, seat, 1).first().copied();
        }
        state.settle();
    }
    // 100 could be executed in the second half.
    assert!(finished >= 90, "only {finished} were finished in time");
}
