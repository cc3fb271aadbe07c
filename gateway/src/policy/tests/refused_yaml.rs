//! What YAML and the types of the keys forbid.

use super::{assert_refused, parse_text};

#[test]
fn a_problem_is_one_line_with_its_place_key_reason_and_remedy() {
    let text = "models:\n  detector:\n    artifact: a\n    max_batch_sise: 4\n";
    let shown = parse_text(text).unwrap_err().to_string();
    let wanted = "/etc/framegate/policy.yaml:4:5: models.detector: unknown key `max_batch_sise`; did you mean \
                  `max_batch_size`?";
    assert_eq!(shown, wanted);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    assert_refused(&[
        ("▸modles: {}", "unknown key `modles`; did you mean `models`?"),
        ("server: { ▸gprc: x }", "server: unknown key `gprc`; did you mean `grpc`?"),
        (
            "limits: { ▸frame_byte: x }",
            "limits: unknown key `frame_byte`; did you mean `frame_bytes`?",
        ),
        (
            "models:\n  m:\n    ▸webhook: 1s",
            "models.m: unknown key `webhook`; write one of `artifact`,",
        ),
        (
            "models: { m: { autoscaling: { ▸min: 1 } } }",
            "models.m.autoscaling: unknown key `min`; write one of",
        ),
        (
            "buckets:\n- { name: a, url: b, ▸owner: c }",
            "buckets[0]: unknown key `owner`; write one of `name`, `url`, `endpoint`",
        ),
        ("buckets:\n- ▸nam: a", "buckets[0]: unknown key `nam`; did you mean `name`?"),
        (
            "ingest: [kafka: { ▸topic: t }]",
            "ingest[0].kafka: unknown key `topic`; did you mean `topics`?",
        ),
        (
            "sinks: [jsonl: { path: p, ▸drop: d }]",
            "sinks[0].jsonl: unknown key `drop`; did you mean `drops`?",
        ),
    ]);
}

#[test]
fn what_this_build_does_not_have_is_refused() {
    assert_refused(&[
        (
            "models: { m: { backend: ▸openvino } }",
            "models.m.backend: `openvino` is not accepted; write one of `onnx`, `tensorrt`,",
        ),
        (
            "models: { m: { device: ▸gpu } }",
            "models.m.device: `gpu` is not accepted; did you mean `cpu`?",
        ),
        ("models: { m: { placement: ▸remote } }", "models.m.placement: `remote` is not accepted;"),
        (
            "ingest: [{ start: ▸erliest }]",
            "ingest[0].start: `erliest` is not accepted; did you mean `earliest`?",
        ),
        (
            "sinks:\n  - ▸postgres: { table: t }",
            "sinks[0]: `postgres` is not accepted; write one of `jsonl`, `kafka`",
        ),
    ]);
}

#[test]
fn missing_and_repeated_keys_are_refused() {
    assert_refused(&[
        ("▸server: { grpc: x }\nlimits: {}", "the key `models` is missing; write it"),
        ("buckets:\n  - ▸name: a", "buckets[0]: the key `url` is missing"),
        (
            "models: { m: { simulated: ▸{ base: 5ms } } }",
            "models.m.simulated: the key `per_item` is missing",
        ),
        (
            "ingest:\n  - kafka: ▸{ brokers: b, topics: t }",
            "ingest[0].kafka: the key `group` is missing",
        ),
        ("sinks: [jsonl: ▸{}]", "sinks[0].jsonl: the key `path` is missing"),
        ("models: {}\n▸models: {}", "the key `models` is given twice; keep one"),
        ("models:\n  m: {}\n  ▸m: {}", "models: the key `m` is given twice; keep one"),
        (
            "models:\n  m:\n    device: cpu\n    ▸device: cpu",
            "models.m: the key `device` is given twice; keep one",
        ),
    ]);
}

#[test]
fn wrong_shapes_are_refused() {
    assert_refused(&[
        ("▸- models", "expected a mapping: `key: value`, one per line"),
        ("server: ▸9000", "server: expected a mapping"),
        ("buckets: ▸{ name: a }", "buckets: expected a list: `- item`, one per line"),
        ("models: ▸[m]", "models: expected a mapping"),
        ("models: { m: { num_threads: ▸[1] } }", "models.m.num_threads: expected a single value"),
        ("server: { insecure: ▸maybe }", "server.insecure: expected true or false"),
        ("server: { insecure: ▸1 }", "server.insecure: expected true or false"),
        (
            "sinks:\n  - jsonl: { path: p }\n    ▸drops: d",
            "sinks[0]: one key is expected here; begin a new item",
        ),
        (
            "models:\n  m:\n    artifact: a\n   ▸backend: onnx",
            "while parsing a block mapping, did not find expected",
        ),
        ("models: {}\n---\n▸server: {}", "a policy is one document; remove `---`"),
        ("models: { m: ▸*shared }", "alias references unknown anchor"),
    ]);
}

#[test]
fn what_is_too_large_is_refused() {
    let deep = format!("models: {{}}\ningest: {}", "[".repeat(100_000));
    let long = "#".repeat((256 << 10) + 1);
    for (text, reason) in [(deep, ": recursion limit exceeded"), (long, ": is longer than 256KiB")]
    {
        let shown = parse_text(&text).unwrap_err().to_string();
        assert!(shown.ends_with(reason), "{shown}");
    }
}
