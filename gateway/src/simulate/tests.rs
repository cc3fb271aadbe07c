use std::io::Write;

use super::*;
use crate::policy;

fn report_of(models: &str, trace: &str, seed: u64) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    };
    let policy = policy::load(&write("policy.yaml", models)).unwrap();
    simulate(&policy, &write("trace.yaml", trace), seed).unwrap()
}

const ONE: &str = "models: { m: { backend: simulated, simulated: { base: 10ms, per_item: 0ms }, \
                   max_batch_size: 1, batch_wait_timeout: 0s, \
                   autoscaling: { max_replicas: 4, target_ongoing_requests: 2, downscale_delay: 2s } } }";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn one_at_a_time_takes_what_it_costs() {
    let report = report_of(ONE, "load: [{ for: 10s, cameras: 1, rate: 50, arrivals: even }]", 1);
    let [model] = &report.models[..] else { panic!("one model") };
    assert_eq!((model.requests, model.served, model.batches), (500, 500, 500));
    for quantile in [0.5, 1.0] {
        // Latencies are kept to 0.1 %.
        assert!((ms(10)..=ms(10) + ms(10) / 1000).contains(&model.latency(quantile)));
    }
    assert_eq!((model.most_replicas, model.changes), (1, 0));
    assert!((model.replica_seconds - 10.0).abs() < 0.1, "{}", model.replica_seconds);
}

#[test]
fn a_queue_is_as_long_as_theory_says() {
    // M/D/1 at 80 % of what one replica serves: it waits rho / (2 (1 - rho)) services on average
    // (Pollaczek and Khinchine), so 30 ms in all.
    let one = ONE.replace("max_replicas: 4", "max_replicas: 1");
    let report = report_of(&one, "load: [{ for: 1h, cameras: 40, rate: 2 }]", 3);
    let model = &report.models[0];
    assert_eq!(model.served, model.requests);
    let mean = report.timeline.iter().map(|at| at.pools[0].ongoing as f64).sum::<f64>()
        / report.timeline.len() as f64;
    // Little: 80 requests/s, each here for 30 ms.
    assert!((1.9..2.9).contains(&mean), "{mean}");
}

#[test]
fn replicas_follow_the_load_and_go_again() {
    let load = "load: [{ for: 10s, cameras: 10, rate: 1 }, { for: 10s, cameras: 180, rate: 2 }, \
                { for: 20s, cameras: 10, rate: 1 }]";
    let report = report_of(ONE, load, 1);
    let model = &report.models[0];
    assert_eq!(model.served, model.requests);
    assert_eq!(model.most_replicas, 4);
    let desired = |second: f64| {
        let sample = report.timeline.iter().find(|sample| sample.at >= second).unwrap();
        sample.pools[0].desired
    };
    assert_eq!((desired(9.0), desired(19.0), desired(39.0)), (1, 4, 1));
}

#[test]
fn one_run_is_like_another_of_its_seed() {
    let load = "load: [{ for: 60s, cameras: 150, rate: 2 }]";
    let json = |seed| serde_json::to_string(&report_of(ONE, load, seed)).unwrap();
    assert_eq!(json(1), json(1));
    assert_ne!(json(1), json(2));
}

#[test]
fn a_full_queue_refuses_and_what_is_late_expires() {
    let policy = ONE.replace("max_batch_size: 1", "max_queued_requests: 50, max_batch_size: 1");
    let load = "load: [{ for: 10s, cameras: 10, rate: 100 }]";
    let full = report_of(&policy, load, 1);
    let model = &full.models[0];
    assert!(model.refused > 1000, "{}", model.refused);
    let all = model.served + model.refused + model.expired + model.superseded + model.unfinished;
    assert_eq!(all, model.requests);
    let late = report_of(&format!("server: {{ default_timeout: 50ms }}\n{ONE}"), load, 1);
    let model = &late.models[0];
    assert!(model.expired > 1000 && model.latency(1.0) < ms(51), "{late}");
}

#[test]
fn an_objective_sizes_batches_here_too() {
    let policy = "models: { m: { backend: simulated, simulated: { base: 40ms, per_item: 1ms }, \
                  max_batch_size: 8, latency_slo: 400ms, autoscaling: { max_replicas: 1 } } }";
    let report = report_of(policy, "load: [{ for: 10m, cameras: 50, rate: 2 }]", 1);
    let model = &report.models[0];
    assert_eq!(report.timeline.last().unwrap().pools[0].batch_size, 8);
    assert!(model.mean_batch() > 3.0 && model.latency(0.99) < ms(400), "{report}");
}

#[test]
fn what_does_not_fit_the_policy_is_refused() {
    let policy = policy::load(&{
        let path = tempfile::tempdir().unwrap().keep().join("policy.yaml");
        std::fs::write(&path, "models: { m: { artifact: a } }").unwrap();
        path
    })
    .unwrap();
    let refused = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        format!("{:#}", simulate(&policy, file.path(), 1).unwrap_err())
    };
    assert!(refused("load: []").starts_with("what does a batch of `m` take?"));
    for (trace, told) in [
        ("costs: { x: {} }", "the policy has no model `x`"),
        ("load: [{ for: 1s, cameras: 1, rate: 1, models: [y] }]", "the policy has no model `y`"),
        ("load: [{ for: 1s, cameras: 1, rate: -1 }]", "`rate` is a number of frames"),
        ("load: [{ for: 1h, cameras: 300000, rate: 1 }]", "comes to 1080000000 frames, and may to"),
        ("recorded: r.jsonl\nload: [{ for: 1s, cameras: 1, rate: 1 }]", "instead of `load`"),
        ("load: [{ for: 1, cameras: 1, rate: 1 }]", "for"),
        ("loads: []", "loads"),
    ] {
        let problem = refused(trace);
        assert!(problem.contains(told), "{trace}: {problem}");
    }
}
