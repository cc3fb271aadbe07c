//! Tables of demand over time, and what follows.

use super::*;

fn policy() -> Autoscaling {
    Autoscaling {
        min_replicas: 1,
        initial_replicas: 1,
        max_replicas: 10,
        target: Target::OngoingRequests(4.0),
        look_back: Duration::from_millis(200),
        upscale_delay: Duration::ZERO,
        downscale_delay: Duration::from_secs(3),
        downscale_to_zero_delay: Duration::from_secs(3),
    }
}

/// Lets a scaler decide at each (millisecond, ongoing) and answers what it desired and why.
fn run(policy: Autoscaling, demand: &[(u64, f64)]) -> Vec<(u32, Bound)> {
    let start = Instant::now();
    let mut scaler = Scaler::new(policy, policy.initial_replicas, start);
    let decide = |&(millis, ongoing): &(u64, f64)| {
        let decision = scaler.decide(Inputs {
            now: start + Duration::from_millis(millis),
            ongoing,
            shed: 0.0,
            waiting: 0.0,
            cost: Some(Duration::from_millis(50)),
            machine_limit: 8,
        });
        (decision.desired, decision.bound)
    };
    demand.iter().map(decide).collect()
}

fn desired(policy: Autoscaling, demand: &[(u64, f64)]) -> Vec<u32> {
    run(policy, demand).into_iter().map(|(desired, _)| desired).collect()
}

#[test]
fn demand_is_divided_by_the_target() {
    let cases = [
        (0.0, 1, Bound::MinReplicas),
        (3.9, 1, Bound::Demand),
        (4.3, 1, Bound::Hysteresis),
        (4.5, 2, Bound::Demand),
        (12.0, 3, Bound::Demand),
        (100.0, 8, Bound::Machine),
    ];
    for (ongoing, replicas, bound) in cases {
        assert_eq!(run(policy(), &[(0, ongoing)]), [(replicas, bound)], "{ongoing}");
    }
    let small = Autoscaling { max_replicas: 5, ..policy() };
    assert_eq!(run(small, &[(0, 100.0)]), [(5, Bound::MaxReplicas)]);
}

#[test]
fn a_drain_time_weighs_demand_by_its_cost() {
    // 40 entries of 50 ms each are 2 s of work: to be done in 500 ms, it takes 4 replicas.
    let target = Target::DrainTime(Duration::from_millis(500));
    let policy = Autoscaling { target, ..policy() };
    assert_eq!(desired(policy, &[(0, 40.0), (10, 9.0)]), [4, 4]);
}

#[test]
fn it_is_asked_at_once_when_more_is_ongoing_than_one_more_is_wanted_for() {
    let drain = Target::DrainTime(Duration::from_millis(500));
    let to_zero = Autoscaling { min_replicas: 0, initial_replicas: 0, target: drain, ..policy() };
    assert_eq!(Scaler::new(to_zero, to_zero.initial_replicas, Instant::now()).next_threshold(), 0);
    for (target, before, after) in [(Target::OngoingRequests(4.0), 4, 8), (drain, usize::MAX, 22)] {
        let now = Instant::now();
        let mut scaler =
            Scaler::new(Autoscaling { target, ..policy() }, policy().initial_replicas, now);
        assert_eq!(scaler.next_threshold(), before, "{target:?}");
        let cost = Some(Duration::from_millis(50));
        let ongoing = if target == drain { 12.0 } else { 5.0 };
        let inputs = Inputs { now, ongoing, shed: 0.0, waiting: 0.0, cost, machine_limit: 8 };
        assert_eq!(scaler.decide(inputs).desired, 2);
        assert_eq!(scaler.next_threshold(), after, "{target:?}");
    }
}

#[test]
fn it_grows_at_once_and_shrinks_after_the_delay() {
    let demand = [(0, 3.0), (100, 30.0), (200, 3.0), (2_000, 3.0), (3_000, 3.0), (3_100, 3.0)];
    assert_eq!(desired(policy(), &demand), [1, 8, 8, 8, 8, 1]);
}

#[test]
fn a_dip_shorter_than_the_delay_changes_nothing() {
    let demand: Vec<_> = (0..100u32)
        .map(|tick| (u64::from(tick) * 100, if tick % 20 == 0 { 30.0 } else { 2.0 }))
        .collect();
    let replicas = desired(policy(), &demand);
    assert!(replicas.iter().all(|&replicas| replicas == 8), "{replicas:?}");
}

#[test]
fn it_shrinks_to_the_largest_wanted_during_the_delay() {
    let demand = [(0, 30.0), (1_000, 18.0), (2_000, 2.0), (3_000, 2.0), (3_500, 2.0), (4_000, 2.0)];
    assert_eq!(desired(policy(), &demand), [8, 8, 8, 5, 5, 1]);
}

#[test]
fn growth_waits_for_the_upscale_delay() {
    let policy = Autoscaling { upscale_delay: Duration::from_millis(500), ..policy() };
    let demand = [(0, 20.0), (400, 20.0), (500, 20.0)];
    let waits = (1, Bound::UpscaleDelay);
    assert_eq!(run(policy, &demand), [waits, waits, (5, Bound::Demand)]);
    // A dip in between starts the delay anew.
    let demand = [(0, 20.0), (400, 2.0), (500, 20.0), (900, 20.0), (1_000, 20.0)];
    assert_eq!(desired(policy, &demand), [1, 1, 1, 1, 5]);
}

#[test]
fn demand_on_the_edge_does_not_flap() {
    let policy = Autoscaling { downscale_delay: Duration::ZERO, ..policy() };
    let demand: Vec<_> =
        (0..50u32).map(|tick| (u64::from(tick) * 100, 8.0 + f64::from(tick % 2) * 0.5)).collect();
    let replicas = desired(policy, &demand);
    assert!(replicas.iter().all(|&replicas| replicas == 2), "{replicas:?}");
}

#[test]
fn no_demand_scales_to_zero_and_any_demand_back() {
    let policy = Autoscaling {
        min_replicas: 0,
        initial_replicas: 0,
        downscale_delay: Duration::ZERO,
        downscale_to_zero_delay: Duration::ZERO,
        ..policy()
    };
    assert_eq!(desired(policy, &[(0, 0.0), (100, 0.1), (200, 0.0)]), [0, 1, 0]);
}

#[test]
fn the_last_one_stops_after_a_delay_of_its_own() {
    let policy = |downscale, to_zero| Autoscaling {
        min_replicas: 0,
        downscale_delay: Duration::from_secs(downscale),
        downscale_to_zero_delay: Duration::from_secs(to_zero),
        ..policy()
    };
    let at = |seconds: [u64; 6]| seconds.map(|second| (second * 1000, 0.0));
    let demand = [[(0, 30.0)].as_slice(), &at([1, 2, 4, 5, 9, 11])].concat();
    // Longer than that of the others: down to one first.
    assert_eq!(desired(policy(3, 10), &demand), [8, 8, 8, 1, 1, 1, 0]);
    // Shorter: the others wait for theirs, and nothing holds the last one then.
    assert_eq!(desired(policy(8, 2), &demand), [8, 8, 8, 8, 8, 0, 0]);
    let one = [(0, 3.0), (1000, 0.0), (2000, 0.0), (3000, 0.0)];
    assert_eq!(desired(policy(8, 2), &one), [1, 1, 1, 0]);
    assert_eq!(run(policy(3, 10), &one)[3], (1, Bound::DownscaleToZeroDelay));
    // A request in between begins the delay anew.
    let again = [(0, 3.0), (1000, 0.0), (2000, 3.0), (3000, 0.0), (4000, 0.0), (5000, 0.0)];
    assert_eq!(desired(policy(8, 2), &again), [1, 1, 1, 1, 1, 0]);
}

#[test]
fn a_pool_gives_back_what_others_may_have_at_once_and_keeps_wanting_it() {
    let start = Instant::now();
    let mut scaler = Scaler::new(policy(), policy().initial_replicas, start);
    let mut decide = |millis, ongoing, machine_limit| {
        let now = start + Duration::from_millis(millis);
        let inputs = Inputs { now, ongoing, shed: 0.0, waiting: 0.0, cost: None, machine_limit };
        let decision = scaler.decide(inputs);
        (decision.desired, decision.bound, scaler.wanted())
    };
    assert_eq!(decide(0, 24.0, 8), (6, Bound::Demand, 6));
    assert_eq!(decide(100, 24.0, 2), (2, Bound::Machine, 6));
    assert_eq!(decide(200, 3.0, 2), (2, Bound::DownscaleDelay, 6));
    assert_eq!(decide(300, 24.0, 8), (6, Bound::Demand, 6));
}

#[test]
fn records_that_wait_upstream_or_were_shed_count() {
    let now = Instant::now();
    for (shed, waiting) in [(0.0, 8.0), (8.0, 0.0), (3.0, 5.0)] {
        let inputs = Inputs { now, ongoing: 4.0, shed, waiting, cost: None, machine_limit: 8 };
        assert_eq!(Scaler::new(policy(), policy().initial_replicas, now).decide(inputs).desired, 3);
    }
}

#[test]
fn another_policy_holds_at_once() {
    let start = Instant::now();
    let mut scaler = Scaler::new(policy(), 6, start);
    let inputs = |millis, ongoing| {
        let now = start + Duration::from_millis(millis);
        Inputs { now, ongoing, shed: 0.0, waiting: 0.0, cost: None, machine_limit: 8 }
    };
    assert_eq!(scaler.decide(inputs(0, 4.0)).desired, 6, "downscale_delay");
    scaler.follow(Autoscaling { max_replicas: 4, ..policy() });
    assert_eq!((scaler.desired(), scaler.wanted()), (4, 4));
    assert_eq!(scaler.decide(inputs(100, 99.0)).desired, 4);
    let least = Autoscaling { min_replicas: 7, upscale_delay: Duration::MAX / 4, ..policy() };
    scaler.follow(least);
    assert_eq!(scaler.desired(), 7);
    let target = Target::OngoingRequests(1.0);
    scaler.follow(Autoscaling { target, downscale_delay: Duration::ZERO, ..policy() });
    assert_eq!(scaler.decide(inputs(200, 8.0)).desired, 8);
    assert_eq!(scaler.decide(inputs(300, 1.8)).desired, 2);
}
