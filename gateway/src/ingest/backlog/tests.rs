use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ends(end: i64, position: i64) -> Vec<PartitionEnd> {
    let partition = Partition { topic: "camera_1".into(), number: 0 };
    vec![PartitionEnd { partition, end, position }]
}

#[test]
fn without_an_age_the_demand_is_the_lag() {
    let (mut backlog, start) = (Backlog::new(None), Instant::now());
    backlog.observe(ends(1000, 100), start);
    backlog.observe(ends(1010, 100), start + SECOND);
    assert_eq!(backlog.demand(start + SECOND), 910.0);
}

#[test]
fn a_steady_arrival_caps_the_demand_at_rate_times_age() {
    let (mut backlog, start) = (Backlog::new(Some(2 * SECOND)), Instant::now());
    backlog.observe(ends(0, 0), start);
    // 100 records a second, measured twice a second, and nothing is taken.
    let step = SECOND / 2;
    for number in 1..=200 {
        backlog.observe(ends(i64::from(number) * 50, 0), start + number * step);
    }
    let now = start + 200 * step;
    assert_eq!(backlog.lag(), 10_000.0);
    assert!((180.0..=230.0).contains(&backlog.demand(now)), "{}", backlog.demand(now));
    assert!(backlog.demand(now + 20 * SECOND) < 1.0, "what came by then is too old");
}

#[test]
fn what_stood_there_before_counts_as_fresh_at_first() {
    let (mut backlog, start) = (Backlog::new(Some(SECOND)), Instant::now());
    backlog.observe(ends(500, 0), start);
    assert_eq!(backlog.demand(start), 500.0);
    backlog.observe(ends(500, 0), start + SECOND);
    assert!((backlog.demand(start + SECOND) - 500.0 * (-1.0_f64).exp()).abs() < 1e-6);
    backlog.observe(ends(500, 500), start + SECOND);
    assert_eq!(backlog.demand(start + SECOND), 0.0, "all taken");
}
