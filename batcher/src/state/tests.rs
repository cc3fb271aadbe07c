//! Tables for the machine; `properties` runs it through random operations against `model`.

mod latest;
mod model;
mod overload;
mod properties;

use std::time::Duration;

use super::*;
use crate::entry::{Charge, Priority};

/// A job that is known by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag(u64);

impl Job for Tag {
    fn removed(&self, _: Removal) {
        unreachable!("the machine only keeps what is to be told");
    }
}

fn limits() -> PoolLimits {
    PoolLimits {
        max_queued: 6,
        max_queued_ingest: 3,
        batch: BatchLimits { max_batch_size: 4, batch_wait_timeout: Duration::from_millis(5) },
    }
}

fn state() -> State<Tag> {
    State::new(limits(), Instant::now())
}

fn entry(tag: u64, origin: Origin) -> NewEntry<Tag> {
    let priority = Priority::default();
    let (fairness_key, deadline, latest) = ("camera".into(), None, None);
    NewEntry { job: Tag(tag), fairness_key, priority, origin, deadline, latest }
}

fn submit(state: &mut State<Tag>, count: u64) -> Vec<EntryId> {
    (0..count).map(|tag| state.submit(&entry(tag, Origin::Interactive)).unwrap()).collect()
}

fn claim(state: &mut State<Tag>, seat: SeatId, room: usize) -> Vec<EntryId> {
    state.claim(seat, room).iter().map(|claimed| claimed.id).collect()
}

#[test]
fn bounds_are_refused_with_their_numbers() {
    let mut state = state();
    for tag in 0..3 {
        state.submit(&entry(tag, Origin::Ingest)).unwrap();
    }
    let refused = state.submit(&entry(3, Origin::Ingest));
    assert_eq!(refused, Err(SubmitError::IngestShareFull { queued: 3, limit: 3 }));
    submit(&mut state, 3);
    for origin in [Origin::Ingest, Origin::Interactive] {
        let refused = state.submit(&entry(9, origin));
        assert_eq!(refused, Err(SubmitError::Full { queued: 6, limit: 6 }));
    }
    assert_eq!(state.snapshot().queued_ingest, 3);
}

#[test]
fn other_bounds_hold_for_what_comes_and_not_for_what_waits() {
    let mut state = state();
    submit(&mut state, 6);
    state.set_queue_limits(2, 1);
    let refused = state.submit(&entry(9, Origin::Interactive));
    assert_eq!(refused, Err(SubmitError::Full { queued: 6, limit: 2 }));
    state.set_queue_limits(8, 1);
    state.submit(&entry(9, Origin::Ingest)).unwrap();
    let refused = state.submit(&entry(9, Origin::Ingest));
    assert_eq!(refused, Err(SubmitError::IngestShareFull { queued: 1, limit: 1 }));
    assert_eq!(state.snapshot().queued, 7);
}

#[test]
fn claimed_entries_free_their_places() {
    let mut state = state();
    let (seat, _) = state.register();
    submit(&mut state, 6);
    assert_eq!(claim(&mut state, seat, 9).len(), 4);
    submit(&mut state, 4);
    let counts = state.snapshot();
    assert_eq!((counts.queued, counts.claimed, counts.ongoing), (6, 4, 10));
}

#[test]
fn a_return_succeeds_above_the_bound_and_keeps_the_order() {
    let mut state = state();
    let (seat, _) = state.register();
    submit(&mut state, 6);
    let first = claim(&mut state, seat, 9);
    submit(&mut state, 4);
    state.give_back(seat, &first, Charge::Free);
    assert_eq!(state.snapshot().queued, 10);
    let refused = state.submit(&entry(0, Origin::Interactive));
    assert_eq!(refused, Err(SubmitError::Full { queued: 10, limit: 6 }));
    assert_eq!(claim(&mut state, seat, 9), first);
}

#[test]
fn a_charge_marks_a_suspect() {
    let mut state = state();
    let (seat, _) = state.register();
    let ids = submit(&mut state, 2);
    claim(&mut state, seat, 2);
    state.give_back(seat, &ids[..1], Charge::Suspect);
    state.give_back(seat, &ids[1..], Charge::Free);
    let again = state.claim(seat, 2);
    assert!(again[0].suspect && again[0].tries == 1);
    assert!(!again[1].suspect && again[1].tries == 0);
}

#[test]
fn what_a_lost_replica_executed_is_suspect_and_the_rest_is_free() {
    let mut state = state();
    let (seat, _) = state.register();
    let ids = submit(&mut state, 4);
    claim(&mut state, seat, 4);
    assert_eq!(state.start(seat, &ids[..2]), ids[..2]);
    state.leave(seat);
    let (other, _) = state.register();
    let again = state.claim(other, 4);
    let suspects: Vec<bool> = again.iter().map(|claimed| claimed.suspect).collect();
    assert_eq!(suspects, [true, true, false, false]);
    assert_eq!(state.snapshot().replicas, 1);
}

#[test]
fn an_idle_seat_recalls_the_last_half_in_order() {
    let mut state = state();
    let (busy, _) = state.register();
    let ids = submit(&mut state, 4);
    claim(&mut state, busy, 4);
    let (idle, _) = state.register();
    assert_eq!(claim(&mut state, idle, 4), ids[2..]);
    assert!(state.is_held(busy, ids[1]) && !state.is_held(busy, ids[2]));
    assert_eq!(state.start(busy, &ids), ids[..2]);
    assert_eq!(state.finish(busy, ids[3]), None);
    assert_eq!(state.finish(idle, ids[3]), Some(Tag(3)));
}

#[test]
fn a_recall_takes_the_last_one_only_from_an_executing_seat() {
    let mut state = state();
    let (busy, _) = state.register();
    let ids = submit(&mut state, 2);
    claim(&mut state, busy, 2);
    let (idle, _) = state.register();
    assert_eq!(claim(&mut state, idle, 4), ids[1..]);
    assert_eq!(state.start(idle, &ids[1..]), ids[1..]);
    let (third, _) = state.register();
    assert_eq!(claim(&mut state, third, 4), [], "it would only change hands");
    assert_eq!(state.start(busy, &ids[..1]), ids[..1]);
    let more = submit(&mut state, 1);
    assert_eq!(claim(&mut state, busy, 4), more);
    assert_eq!(claim(&mut state, third, 4), more, "it would wait for the batch");
}

#[test]
fn what_is_due_is_neither_claimed_nor_started() {
    let mut state = state();
    let start = state.now;
    let after = |millis| start + Duration::from_millis(millis);
    let (seat, _) = state.register();
    for tag in 0..3 {
        let deadline = Some(after(10 * (tag + 1)));
        state.submit(&NewEntry { deadline, ..entry(tag, Origin::Interactive) }).unwrap();
    }
    state.advance(after(10));
    let claimed = claim(&mut state, seat, 9);
    assert_eq!(claimed, [EntryId(1), EntryId(2)]);
    state.advance(after(20));
    assert_eq!(state.start(seat, &claimed), [EntryId(2)]);
    state.advance(after(30));
    assert_eq!(state.finish(seat, EntryId(2)), None);
    let removed = state.settle().removed;
    assert_eq!(removed, [0, 1, 2].map(|tag| (Tag(tag), Removal::Expired)));
    let late = NewEntry { deadline: Some(after(30)), ..entry(3, Origin::Interactive) };
    assert_eq!(state.submit(&late), Err(SubmitError::Expired));
}

#[test]
fn what_clients_give_up_just_before_its_deadline_says_how_long_entries_take() {
    for (gives_up_after, is_claimed) in [(10, true), (140, false)] {
        let mut state = state();
        let start = state.now;
        let after = |millis| start + Duration::from_millis(millis);
        let (seat, _) = state.register();
        let submit = |state: &mut State<Tag>, tag, deadline| {
            let deadline = Some(after(deadline));
            state.submit(&NewEntry { deadline, ..entry(tag, Origin::Interactive) }).unwrap();
            claim(state, seat, 1)
        };
        let first = submit(&mut state, 0, 10_000);
        state.start(seat, &first);
        state.advance(after(100));
        assert_eq!(state.finish(seat, first[0]), Some(Tag(0)));
        let given_up = submit(&mut state, 1, 250);
        state.start(seat, &given_up);
        state.advance(after(100 + gives_up_after));
        assert!(state.remove(given_up[0], Removal::Cancelled));
        let next = submit(&mut state, 2, 100 + gives_up_after + 180);
        assert_eq!(!next.is_empty(), is_claimed, "given up after {gives_up_after} ms of 150");
    }
}

#[test]
fn a_draining_seat_finishes_but_takes_nothing() {
    let mut state = state();
    let (draining, _) = state.register();
    let ids = submit(&mut state, 3);
    claim(&mut state, draining, 3);
    assert_eq!(state.start(draining, &ids[..1]), ids[..1]);
    state.stop_claiming(draining);
    assert_eq!(state.counts(draining), (0, 1));
    assert_eq!(claim(&mut state, draining, 4), []);
    let (other, _) = state.register();
    assert_eq!(claim(&mut state, other, 4), ids[1..], "the share is undivided again");
    assert_eq!(state.finish(draining, ids[0]), Some(Tag(0)));
}

#[test]
fn a_cancel_frees_the_place_wherever_the_entry_is() {
    let mut state = state();
    let (seat, _) = state.register();
    let ids = submit(&mut state, 3);
    assert_eq!(claim(&mut state, seat, 2), ids[..2]);
    assert_eq!(state.start(seat, &ids[..1]), ids[..1]);
    for (&id, left) in ids.iter().zip([2, 1, 0]) {
        assert!(state.remove(id, Removal::Cancelled));
        assert!(!state.remove(id, Removal::Cancelled), "it has left already");
        assert_eq!(state.snapshot().ongoing, left);
        assert_eq!(state.finish(seat, id), None);
    }
    assert_eq!(state.counts(seat), (0, 0));
    let removed = state.settle().removed;
    assert_eq!(removed, [0, 1, 2].map(|tag| (Tag(tag), Removal::Cancelled)));
}

#[test]
fn discarding_spares_what_executes_and_the_other_origin() {
    let mut state = state();
    let (seat, _) = state.register();
    let ids: Vec<EntryId> =
        (0..3).map(|tag| state.submit(&entry(tag, Origin::Ingest)).unwrap()).collect();
    claim(&mut state, seat, 2);
    assert_eq!(state.start(seat, &ids[..1]), ids[..1]);
    submit(&mut state, 1);
    assert_eq!(state.discard_unstarted(Origin::Ingest), 2);
    assert_eq!(state.ongoing(Some(Origin::Ingest)), 1);
    assert_eq!(state.ongoing(None), 2);
}

#[test]
fn a_closed_pool_is_empty_and_stays_so() {
    let mut state = state();
    let (seat, _) = state.register();
    let ids = submit(&mut state, 4);
    claim(&mut state, seat, 2);
    assert_eq!(state.start(seat, &ids[..1]), ids[..1]);
    assert_eq!(state.close(), 4);
    assert_eq!(state.finish(seat, ids[0]), None);
    state.give_back(seat, &ids, Charge::Suspect);
    assert_eq!(state.snapshot().ongoing, 0);
    assert_eq!(state.submit(&entry(9, Origin::Interactive)), Err(SubmitError::Closed));
    assert!(state.settle().emptied);
}
