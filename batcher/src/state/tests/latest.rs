//! Streams of which only the newest waits.

use super::*;
use crate::entry::Latest;

/// An entry of a camera's stream; the order is its tag.
fn newest(tag: u64, key: &str) -> NewEntry<Tag> {
    let latest = Some(Latest { stream: 0, order: tag });
    NewEntry { fairness_key: key.into(), latest, ..entry(tag, Origin::Ingest) }
}

fn submit_newest(state: &mut State<Tag>, tag: u64, key: &str) -> EntryId {
    state.submit(&newest(tag, key)).unwrap()
}

fn superseded(state: &mut State<Tag>) -> Vec<u64> {
    let removed = state.settle().removed;
    assert!(removed.iter().all(|(_, why)| *why == Removal::Superseded), "{removed:?}");
    removed.into_iter().map(|(Tag(tag), _)| tag).collect()
}

#[test]
fn a_newer_one_replaces_what_waits_and_only_that() {
    let mut state = state();
    let (seat, _) = state.register();
    let claimed = submit_newest(&mut state, 0, "a");
    assert_eq!(claim(&mut state, seat, 1), [claimed]);
    submit_newest(&mut state, 1, "a");
    submit_newest(&mut state, 2, "b");
    state.submit(&NewEntry { latest: None, ..newest(3, "a") }).unwrap();
    assert_eq!(superseded(&mut state), []);
    let last = submit_newest(&mut state, 4, "a");
    assert_eq!(superseded(&mut state), [1]);
    let counts = state.snapshot();
    assert_eq!((counts.queued, counts.queued_ingest, counts.claimed), (3, 3, 1));
    assert_eq!(state.start(seat, &[claimed]), [claimed], "what is claimed goes on");
    assert!(state.remove(last, Removal::Cancelled));
    assert_eq!(state.turnover(), Turnover { finished: 0, shed: 1 });
}

#[test]
fn streams_and_keys_do_not_replace_each_others_entries() {
    let mut state = state();
    submit_newest(&mut state, 0, "a");
    let other = Some(Latest { stream: 1, order: 9 });
    state.submit(&NewEntry { latest: other, ..newest(1, "a") }).unwrap();
    submit_newest(&mut state, 2, "b");
    assert_eq!(superseded(&mut state), []);
    assert_eq!(state.snapshot().queued, 3);
}

#[test]
fn a_replacement_has_the_place_of_the_replaced() {
    let mut state = state();
    let (seat, _) = state.register();
    submit_newest(&mut state, 0, "a");
    let same_line = NewEntry { fairness_key: "a".into(), ..entry(1, Origin::Interactive) };
    let interactive = state.submit(&same_line).unwrap();
    let other = submit_newest(&mut state, 2, "b");
    let last = submit_newest(&mut state, 3, "a");
    assert_eq!(claim(&mut state, seat, 1), [last], "neither its turn nor its rank is lost");
    state.give_back(seat, &[last], Charge::Free);
    assert_eq!(claim(&mut state, seat, 3), [other, last, interactive]);
}

#[test]
fn a_full_queue_takes_a_newer_one_in_the_place_of_the_older() {
    let mut state = state();
    for (tag, key) in ["a", "b", "c"].into_iter().enumerate() {
        submit_newest(&mut state, tag as u64, key);
    }
    let refused = state.submit(&newest(3, "d"));
    assert_eq!(refused, Err(SubmitError::IngestShareFull { queued: 3, limit: 3 }));
    submit(&mut state, 3);
    submit_newest(&mut state, 4, "b");
    assert_eq!(superseded(&mut state), [1]);
    assert_eq!((state.snapshot().queued, state.snapshot().queued_ingest), (6, 3));
}

#[test]
fn an_older_one_that_is_submitted_again_gives_way() {
    let mut state = state();
    submit_newest(&mut state, 5, "a");
    assert_eq!(state.submit(&newest(4, "a")), Err(SubmitError::Superseded));
    assert_eq!(superseded(&mut state), [], "a refused one is not told");
    assert_eq!((state.snapshot().queued, state.turnover().shed), (1, 1));
}

#[test]
fn of_a_returned_one_and_a_waiting_one_the_newer_stays() {
    let mut state = state();
    let (seat, _) = state.register();
    let old = submit_newest(&mut state, 1, "a");
    assert_eq!(claim(&mut state, seat, 1), [old]);
    let newer = submit_newest(&mut state, 2, "a");
    state.give_back(seat, &[old], Charge::Free);
    assert_eq!(superseded(&mut state), [1]);
    assert_eq!(state.counts(seat), (0, 0));

    assert_eq!(claim(&mut state, seat, 1), [newer]);
    submit_newest(&mut state, 1, "a"); // tried again
    state.give_back(seat, &[newer], Charge::Free);
    assert_eq!(superseded(&mut state), [1]);
    assert_eq!(claim(&mut state, seat, 9), [newer]);
}

#[test]
fn a_lost_replica_leaves_the_newest_of_each_camera() {
    let mut state = state();
    let (seat, _) = state.register();
    let first = submit_newest(&mut state, 1, "a");
    claim(&mut state, seat, 1);
    assert_eq!(state.start(seat, &[first]), [first]);
    let second = submit_newest(&mut state, 2, "a");
    claim(&mut state, seat, 1);
    state.leave(seat);
    assert_eq!(superseded(&mut state), [1]);
    let (other, _) = state.register();
    assert_eq!(claim(&mut state, other, 9), [second]);
}

#[test]
fn what_ingest_loses_while_it_waits_counts_as_shed() {
    let mut state = state();
    let start = state.now;
    let (seat, _) = state.register();
    let soon = Some(start + Duration::from_millis(10));
    for (tag, origin) in [Origin::Ingest, Origin::Ingest, Origin::Interactive].iter().enumerate() {
        state.submit(&NewEntry { deadline: soon, ..entry(tag as u64, *origin) }).unwrap();
    }
    assert_eq!(claim(&mut state, seat, 1).len(), 1, "its turn came");
    state.advance(start + Duration::from_millis(10));
    assert_eq!(state.settle().removed.len(), 3);
    assert_eq!(state.turnover(), Turnover { finished: 0, shed: 1 });
}
