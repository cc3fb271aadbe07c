use super::*;

#[test]
fn nothing_is_lost_nor_answered_twice_and_order_and_bounds_hold() {
    let report = simulate_faults(1, 300, None);
    assert_eq!(report.violation, None);
    for fault in Fault::ALL {
        assert!(report.faults.of(fault) > 0, "{}", fault.name());
    }
}

#[test]
fn each_planted_bug_is_found_and_replays() {
    for (bug, said) in [
        (Bug::LostOnCrash, "is lost"),
        (Bug::AnsweredAfterRecall, "ended twice"),
        (Bug::ReturnedLast, "order is broken"),
    ] {
        let violation = simulate_faults(1, 1000, Some(bug)).violation.unwrap();
        assert!(violation.what.contains(said), "{bug:?}: {violation}");
        let again = simulate_faults(violation.seed, 1, Some(bug)).violation;
        assert_eq!(again, Some(violation));
    }
}

#[test]
fn a_run_is_like_another_of_its_seeds() {
    let digest = |first| simulate_faults(first, 20, None).digest;
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
