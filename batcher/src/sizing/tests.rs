use proptest::prelude::*;

use super::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn sizing(latency_slo: u64, max_batch_size: usize) -> Sizing {
    Sizing { latency_slo: ms(latency_slo), max_batch_size }
}

/// Batches that cost `base + each x n`, measured at the sizes that are.
fn costs(base: u64, each: u64) -> BatchCosts {
    let batches: Vec<_> =
        sizing(1, 64).sizes().map(|size| (size, ms(base + each * size as u64))).collect();
    BatchCosts::measured(&batches).unwrap()
}

#[test]
fn sizes_double_up_to_the_largest() {
    let sizes = |most| sizing(1, most).sizes().collect::<Vec<_>>();
    assert_eq!(sizes(1), [1]);
    assert_eq!(sizes(8), [1, 2, 4, 8]);
    assert_eq!(sizes(20), [1, 2, 4, 8, 16, 20]);
}

#[test]
fn the_objective_and_the_costs_decide() {
    for (name, (base, each), slo, most, size, wait) in [
        ("they pay: nearly as many as fit twice into 91.8 ms", (20, 1), 102, 64, 23, 6),
        ("no wait is longer than one alone takes", (20, 1), 102, 10, 10, 21),
        ("they do not pay: alone, at once", (0, 10), 100, 64, 1, 0),
        ("they hardly pay: alone, at once", (1, 30), 1000, 64, 1, 0),
        ("most of the gain is enough", (10, 10), 10_000, 64, 15, 20),
        ("one does not fit: alone, at once", (60, 1), 100, 64, 1, 0),
    ] {
        let limits = sizing(slo, most).limits(&costs(base, each));
        let expected = BatchLimits { max_batch_size: size, batch_wait_timeout: ms(wait) };
        let rounded = ms(limits.batch_wait_timeout.as_secs_f64().mul_add(1000.0, 0.5) as u64);
        assert_eq!(BatchLimits { batch_wait_timeout: rounded, ..limits }, expected, "{name}");
    }
}

#[test]
fn costs_between_and_above_what_was_measured_follow_from_it() {
    let costs = BatchCosts::measured(&[(4, ms(40)), (1, ms(10)), (2, ms(30))]).unwrap();
    for (size, expected) in [(1, 10), (2, 30), (3, 35), (4, 40), (8, 80)] {
        assert_eq!(costs.of(size), ms(expected), "{size}");
    }
    let chance = BatchCosts::measured(&[(1, ms(10)), (2, ms(9))]).unwrap();
    assert_eq!(chance.of(2), ms(10));
    assert!(BatchCosts::measured(&[]).is_none());
}

#[test]
fn all_sizes_follow_what_batches_cost_by_now() {
    let mut costs = costs(20, 1);
    let before = sizing(102, 64).limits(&costs).max_batch_size;
    (0..100).for_each(|_| costs.adjust(8, 2 * ms(28)));
    assert!((costs.of(1).as_secs_f64() / 0.042 - 1.0).abs() < 0.01);
    assert!(sizing(102, 64).limits(&costs).max_batch_size < before);
    (0..100).for_each(|_| costs.adjust(8, ms(28)));
    assert_eq!(sizing(102, 64).limits(&costs).max_batch_size, before);
}

#[test]
fn one_batch_that_was_held_up_does_not_count_for_more_than_that() {
    let mut costs = costs(20, 1);
    costs.adjust(1, Duration::from_secs(3600));
    assert!(costs.of(1) < 2 * ms(21));
}

proptest! {
    #[test]
    fn what_is_planned_keeps_the_objective_or_is_one_entry_alone(
        milliseconds in prop::collection::vec(0..200u64, 1..8),
        slo in 1..1000u64,
        most in 1..64usize,
    ) {
        let batches: Vec<_> =
            milliseconds.iter().enumerate().map(|(power, took)| (1 << power, ms(*took))).collect();
        let costs = BatchCosts::measured(&batches).unwrap();
        let sizing = sizing(slo, most);
        let BatchLimits { max_batch_size: size, batch_wait_timeout: wait } = sizing.limits(&costs);
        prop_assert!((1..=most).contains(&size));
        if size == 1 {
            prop_assert_eq!(wait, Duration::ZERO);
        } else {
            let longest = wait + 2 * costs.of(size);
            prop_assert!(longest <= sizing.latency_slo, "{:?}", longest);
            prop_assert!(costs.of(size) < size as u32 * costs.of(1), "no gain");
        }
    }
}
