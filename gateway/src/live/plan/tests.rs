//! Tables of two policies and what one becomes of the other.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;

use super::{super::difference::Effect, *};
use crate::policy::parse;

const RUNNING: &str = r#"
server: { grpc: 127.0.0.1:9000, http: 127.0.0.1:9001, default_timeout: 30s }
limits: { frame_bytes: 256MiB, replica_threads: 4 }
buckets:
  - { name: frames, url: "file:frames" }
  - { name: cams, url: "s3://cams", region: us-east-1 }
models:
  detector: { artifact: a, num_threads: 1, max_batch_size: 8, autoscaling: { max_replicas: 2 } }
  device: { backend: simulated, simulated: { base: 5ms, per_item: 1ms } }
ingest:
  - { kafka: { brokers: "b:9092", topics: cameras, group: g }, models: [detector] }
  - { kafka: { brokers: "b:9092", topics: others, group: h }, models: [device] }
sinks:
  - jsonl: { path: r.jsonl }
  - kafka: { brokers: "b:9092", topic: results }
"#;

fn policy(text: &str) -> Policy {
    parse(text, Path::new("/etc/framegate/policy.yaml")).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The plan for the running policy in which each first text is replaced by the second.
fn plan(edits: &[(&str, &str)]) -> Plan {
    let replace = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let next = edits.iter().fold(RUNNING.to_owned(), replace);
    Plan::new(&policy(RUNNING), &policy(&next))
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(Change::to_string).collect()
}

const KEPT: [Option<usize>; 2] = [Some(0), Some(1)];

#[test]
fn the_same_policy_changes_nothing() {
    let same = plan(&[("max_batch_size: 8", "max_batch_size: 8, batch_wait_timeout: 5ms")]);
    assert_eq!(
        same,
        Plan { changes: vec![], pools: vec![PoolStep::Keep; 2], ingests: KEPT.into() }
    );
    assert!(same.is_empty());
}

/// What is edited, into what, and what that is told as.
const EFFECTS: &[(&str, &str, &str)] = &[
    (
        "default_timeout: 30s",
        "default_timeout: 1m",
        "~ server.default_timeout: 30s → 1m: applied in place",
    ),
    (
        "9000",
        "9002",
        "~ server.grpc: 127.0.0.1:9000 → 127.0.0.1:9002: refused: needs a restart of the gateway",
    ),
    (
        "frame_bytes: 256MiB",
        "frame_bytes: 1GiB",
        "~ limits.frame_bytes: 256MiB → 1GiB: applied in place",
    ),
    (
        "replica_threads: 4",
        "message_bytes: 1MiB, replica_threads: 4",
        "~ limits.message_bytes: 20MiB → 1MiB: refused: needs a restart of the gateway",
    ),
    (
        "file:frames",
        "file:/var/frames",
        "~ buckets[frames].url: file:///etc/framegate/frames → file:///var/frames: applied in place",
    ),
    (
        "region: us-east-1",
        "region: eu-central-1",
        "~ buckets[cams].region: us-east-1 → eu-central-1: applied in place",
    ),
    (
        "max_replicas: 2",
        "max_replicas: 3",
        "~ models.detector.autoscaling.max_replicas: 2 → 3: applied in place",
    ),
    (
        "max_batch_size: 8",
        "max_batch_size: 9",
        "~ models.detector.max_batch_size: 8 → 9: applied in place",
    ),
    (
        "num_threads: 1",
        "num_threads: 2",
        "~ models.detector.num_threads: 1 → 2: new replicas start, then the old ones finish and go",
    ),
    (
        "artifact: a",
        "artifact: b",
        "~ models.detector.artifact: /etc/framegate/a → /etc/framegate/b: new replicas start, then the old ones finish and go",
    ),
    (
        "base: 5ms",
        "base: 6ms",
        "~ models.device.simulated.base: 5ms → 6ms: new replicas start, then the old ones finish and go",
    ),
    (
        "topics: cameras",
        "topics: [cameras, more]",
        "~ ingest[g].kafka.topics: cameras → cameras, more: delivers, commits, and starts again",
    ),
    (
        "path: r.jsonl",
        "path: r.jsonl, fsync: batch",
        "~ sinks[jsonl /etc/framegate/r.jsonl].fsync: never → batch: goes on with it",
    ),
    (
        "topic: results",
        "topic: results, linger: 9ms",
        "~ sinks[kafka results].linger: 5ms → 9ms: goes on with it",
    ),
];

#[test]
fn each_key_has_its_effect() {
    for (from, to, expected) in EFFECTS {
        assert_eq!(lines(&plan(&[(from, to)])), [*expected], "{from} → {to}");
    }
}

#[test]
fn batches_that_are_measured_need_replicas_that_measure() {
    let slo = "latency_slo: 80ms, max_batch_size: 8";
    let measured = plan(&[("max_batch_size: 8", slo)]);
    assert_eq!(measured.pools, [PoolStep::Open, PoolStep::Keep]);
    let running = policy(&RUNNING.replace("max_batch_size: 8", slo));
    let next =
        policy(&RUNNING.replace("max_batch_size: 8", "latency_slo: 80ms, max_batch_size: 9"));
    assert_eq!(Plan::new(&running, &next).pools[0], PoolStep::Open);
}

#[test]
fn an_engine_is_built_for_the_largest_batch() {
    let engine = "backend: tensorrt, max_batch_size: 8";
    let running = policy(&RUNNING.replace("max_batch_size: 8", engine));
    let next =
        policy(&RUNNING.replace("max_batch_size: 8", "backend: tensorrt, max_batch_size: 9"));
    assert_eq!(Plan::new(&running, &next).pools, [PoolStep::Open, PoolStep::Keep]);
}

#[test]
fn models_come_and_go() {
    let renamed = plan(&[("  device:", "  another:"), ("[device]", "[another]")]);
    assert_eq!(renamed.pools, [PoolStep::Keep, PoolStep::Open]);
    assert_eq!(renamed.ingests, [Some(0), None]);
    assert_eq!(
        lines(&renamed),
        [
            "+ models.another: simulated: its replicas start",
            "- models.device: simulated: its replicas finish what waits and go",
            "~ ingest[h].models: device → another: delivers, commits, and starts again",
        ]
    );
}

#[test]
fn pools_go_by_another_policy_without_other_replicas() {
    let table = [
        ("max_batch_size: 8", "max_batch_size: 8, max_queued_requests: 9", PoolStep::Follow),
        ("max_batch_size: 8", "max_batch_size: 8, ingest_share: 0.1", PoolStep::Follow),
        ("max_batch_size: 8", "max_batch_size: 8, graceful_shutdown_timeout: 1s", PoolStep::Follow),
        ("max_batch_size: 8", "batch_wait_timeout: 1s", PoolStep::Follow),
        ("max_replicas: 2", "max_replicas: 2, target_drain_time: 1s", PoolStep::Follow),
        ("artifact: a", "artifact: a, version: 3", PoolStep::Open),
        ("base: 5ms, per_item: 1ms", "base: 5ms, per_item: 1ms, fetch: true", PoolStep::Open),
    ];
    for (from, to, expected) in table {
        let steps = plan(&[(from, to)]).pools;
        assert_eq!(steps.iter().max_by_key(|step| **step as u8), Some(&expected), "{to}");
    }
}

#[test]
fn ingests_are_known_by_what_they_are_and_not_by_their_place() {
    let first =
        "  - { kafka: { brokers: \"b:9092\", topics: cameras, group: g }, models: [detector] }\n";
    let third =
        "  - { kafka: { brokers: \"b:9092\", topics: more, group: i }, models: [device] }\n";
    let added = plan(&[("ingest:\n", &format!("ingest:\n{third}"))]);
    assert_eq!(added.ingests, [None, Some(0), Some(1)]);
    assert_eq!(lines(&added), ["+ ingest[i]: more: starts"]);
    let removed = plan(&[(first, "")]);
    assert_eq!(removed.ingests, [Some(1)]);
    assert_eq!(
        lines(&removed),
        ["- ingest[g]: cameras: takes no more, delivers, commits and stops"]
    );
    let swapped = plan(&[(first, ""), ("sinks:", &format!("{first}sinks:"))]);
    assert_eq!((swapped.ingests, swapped.changes), (vec![Some(1), Some(0)], vec![]));
}

#[test]
fn transactions_follow_their_sinks() {
    let text = r#"
models: { m: { backend: simulated, simulated: { base: 5ms, per_item: 1ms } } }
ingest:
  - kafka: { brokers: "b:9092", topics: cameras, group: g }
    delivery: exactly_once
    group_instance_id: one
  - kafka: { brokers: "b:9092", topics: others, group: h }
sinks:
  - kafka: { brokers: "b:9092", topic: results }
"#;
    let more = text.to_owned() + "  - kafka: { brokers: \"b:9092\", topic: copies }\n";
    let plan = Plan::new(&policy(text), &policy(&more));
    assert_eq!(plan.ingests, [None, Some(1)]);
    let restarts = "~ ingest[g]: changed: delivers, commits, and starts again, since its transactions \
                    write to the sinks";
    assert_eq!(lines(&plan), [restarts, "+ sinks[kafka copies]: copies: opened"]);
}

#[test]
fn another_secret_is_a_change_that_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let text = format!(
        r#"
models: {{ m: {{ backend: simulated, simulated: {{ base: 5ms, per_item: 1ms }} }} }}
ingest:
  - kafka:
      brokers: "b:9092"
      security: {{ tls: {{}}, sasl: {{ mechanism: PLAIN, username: u, password: {{ file: {} }} }} }}
      topics: cameras
      group: g
sinks: [jsonl: {{ path: r.jsonl }}]
"#,
        file.display()
    );
    let written = ["first-secret", "other-secret"].map(|secret| {
        std::fs::write(&file, secret).unwrap();
        policy(&text)
    });
    let plan = Plan::new(&written[0], &written[1]);
    let changed = "~ ingest[g].kafka.security: changed: delivers, commits, and starts again";
    assert_eq!((lines(&plan), plan.ingests), (vec![changed.to_owned()], vec![None]));
}

#[test]
fn a_version_that_is_new_is_another_artifact() {
    let folder = tempfile::tempdir().unwrap();
    let add = |number: &str| {
        std::fs::create_dir_all(folder.path().join(number)).unwrap();
        for file in ["model.onnx", "model.yaml"] {
            std::fs::write(folder.path().join(number).join(file), "").unwrap();
        }
    };
    let text = format!("models: {{ m: {{ artifact: {} }} }}", folder.path().display());
    add("3");
    let running = policy(&text);
    add("4");
    let plan = Plan::new(&running, &policy(&text));
    assert_eq!(plan.pools, [PoolStep::Open]);
    assert!(lines(&plan).iter().any(|line| line.starts_with("~ models.m.version: 3 → 4: new")));
}

proptest! {
    /// From any of these policies to any other: steps and ingests are told of, and back is as much.
    #[test]
    fn plans_and_changes_agree(edits in prop::collection::vec(0usize..8, 0..5), back: bool) {
        let table = [
            ("num_threads: 1", "num_threads: 2"),
            ("max_batch_size: 8", "max_batch_size: 4"),
            ("base: 5ms", "base: 7ms"),
            ("topics: cameras", "topics: elsewhere"),
            ("topics: others", "topics: nowhere"),
            ("path: r.jsonl", "path: s.jsonl"),
            ("max_replicas: 2", "max_replicas: 9"),
            ("default_timeout: 30s", "default_timeout: 31s"),
        ];
        let next = edits.iter().fold(RUNNING.to_owned(), |text, &edit| {
            text.replace(table[edit].0, table[edit].1)
        });
        let (mut from, mut to) = (policy(RUNNING), policy(&next));
        if back {
            std::mem::swap(&mut from, &mut to);
        }
        let plan = Plan::new(&from, &to);
        let distinct: std::collections::BTreeSet<_> = edits.iter().collect();
        // Another path of a sink is one that goes and one that comes.
        let expected = distinct.len() + usize::from(distinct.contains(&5));
        prop_assert_eq!(plan.changes.len(), expected);
        prop_assert_eq!(plan.is_empty(), from == to);
        prop_assert_eq!(plan.refused().count(), 0);
        let opened = plan.pools.iter().filter(|step| **step == PoolStep::Open).count();
        let told = plan.changes.iter().filter(|change| change.effect == Effect::NewReplicas);
        prop_assert_eq!(opened, told.count());
        let restarted = plan.ingests.iter().filter(|kept| kept.is_none()).count();
        let told = plan.changes.iter().filter(|change| change.effect == Effect::IngestRestarts);
        prop_assert_eq!(restarted, told.count());
    }
}
