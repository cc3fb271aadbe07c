//! What an ingest forbids.

use super::{Refused, assert_refused};

/// A policy that is right up to an ingest with `keys` besides its `kafka`.
fn with(kafka: &str, keys: &str) -> String {
    format!(
        "models: {{ m: {{ artifact: a }} }}\nsinks: [jsonl: {{ path: p }}]\ningest:\n- kafka: {{ {kafka} }}\n{keys}"
    )
}

fn assert_all_refused(policies: Vec<(String, &str)>) {
    let table: Vec<Refused> = policies.iter().map(|(text, line)| (text.as_str(), *line)).collect();
    assert_refused(&table);
}

#[test]
fn connections() {
    let table = [
        (
            "brokers: ▸k, topics: t, group: g",
            "brokers: brokers as host:port, separated by commas, such as",
        ),
        ("brokers: ▸\"k:9,\", topics: t, group: g", "brokers: brokers as host:port"),
        ("brokers: ▸\"k:0\", topics: t, group: g", "brokers: brokers as host:port"),
        ("brokers: ▸\"[k]:1\", topics: t, group: g", "brokers: brokers as host:port"),
        (
            "group: ▸\"\", brokers: \"k:9\", topics: t",
            "group: a consumer group's name of 1 to 255 bytes",
        ),
        (
            "group: g, brokers: \"k:9\", topics: ▸[]",
            "topics: at least one topic, such as ^camera_[0-9]+$",
        ),
        (
            "group: g, brokers: \"k:9\", topics: ▸5",
            "topics: a topic, or a list of topics; write one that looks like",
        ),
        ("group: g, brokers: \"k:9\", topics: ▸{ a: b }", "topics: a topic, or a list of topics"),
        (
            "group: g, brokers: \"k:9\", topics: [a, ▸[b]]",
            "topics[1]: a topic, or a list of topics",
        ),
        (
            "group: g, brokers: \"k:9\", topics: ▸\"^camera_[\"",
            "topics: not a regular expression (unclosed character",
        ),
        (
            "group: g, brokers: \"k:9\", topics: ▸'^camera_\\d'",
            "topics: `\\d` is not known to Kafka's client; write",
        ),
        (
            "group: g, brokers: \"k:9\", topics: [a, ▸b c]",
            "topics[1]: a topic's name (letters, digits, `_`, `-`, `.`)",
        ),
        ("group: g, brokers: \"k:9\", topics: [a, ▸a]", "topics[1]: `a` is given twice; keep one"),
    ];
    let lines = table.map(|(_, line)| format!("ingest[0].kafka.{line}"));
    let policies =
        table.iter().zip(&lines).map(|((kafka, _), line)| (with(kafka, ""), line.as_str()));
    assert_all_refused(policies.collect());
}

#[test]
fn other_keys() {
    let table = [
        ("models: [▸n]", "ingest[0].models[0]: unknown model `n`; did you mean `m`?"),
        ("models: [m, ▸m]", "ingest[0].models[1]: `m` is given twice; keep one"),
        (
            "overload: ▸lastest_only",
            "ingest[0].overload: `lastest_only` is not accepted; did you mean `latest_only`?",
        ),
        (
            "overload: ▸drop",
            "ingest[0].overload: `drop` is not accepted; write one of `process_all`, `latest_only`, `every_nth`",
        ),
        (
            "overload: { ▸every_n: 3 }",
            "ingest[0].overload: unknown key `every_n`; did you mean `every_nth`?",
        ),
        (
            "overload: { every_nth: ▸0 }",
            "ingest[0].overload.every_nth: a whole number from 2 to 1000000; got `0`",
        ),
        (
            "overload: { every_nth: ▸1 }",
            "ingest[0].overload.every_nth: a whole number from 2 to 1000000; got `1`",
        ),
        (
            "overload: { every_nth: ▸-3 }",
            "ingest[0].overload.every_nth: a whole number from 2 to 1000000; got `-3`",
        ),
        (
            "overload: { every_nth: ▸2.5 }",
            "ingest[0].overload.every_nth: a whole number from 2 to 1000000; got `2.5`",
        ),
        (
            "overload: { every_nth: ▸third }",
            "ingest[0].overload.every_nth: a whole number from 2 to 1000000; got `third`",
        ),
        ("overload: { every_nth: ▸[3] }", "ingest[0].overload.every_nth: expected a single value"),
        (
            "overload: ▸every_nth",
            "ingest[0].overload: `every_nth` needs its number; write { every_nth: 3 }",
        ),
        (
            "overload: { every_nth: 3, ▸latest_only: 1 }",
            "ingest[0].overload: unknown key `latest_only`; write one of `every_nth`",
        ),
        ("overload: ▸3", "ingest[0].overload: write process_all, latest_only or { every_nth: 3 }"),
        (
            "overload: ▸[latest_only]",
            "ingest[0].overload: write process_all, latest_only or { every_nth: 3 }",
        ),
        ("overload: ▸{}", "ingest[0].overload: the key `every_nth` is missing; write it"),
        (
            "overload: { every_nth▸: }",
            "ingest[0].overload.every_nth: a value is missing here; write one",
        ),
        ("record: { uri: ▸/a~2 }", "ingest[0].record.uri: in a JSON pointer `~` is written `~0`"),
        (
            "record: { camera_id: ▸\"\" }",
            "ingest[0].record.camera_id: a JSON pointer such as /uri, or a header's name",
        ),
        (
            "record: { uri_prefix: ▸\"frames:\" }",
            "ingest[0].record.uri_prefix: unknown bucket `frames`; none are known here",
        ),
        (
            "group_instance_id: i\n- kafka: { group: g, brokers: \"k:9092\", topics: t }\n  group_instance_id: ▸i",
            "ingest[1].group_instance_id: another ingest is this member of the group already",
        ),
        (
            "dead_letter: { topic: ▸camera_9 }",
            "ingest[0].dead_letter.topic: `camera_9` is one of the topics that are",
        ),
        ("dead_letter: { topic: ▸a/b }", "ingest[0].dead_letter.topic: a topic's name"),
        ("max_in_flight: ▸0", "ingest[0].max_in_flight: a whole number from 1 to 1000000; got `0`"),
        (
            "commit_interval: ▸200",
            "ingest[0].commit_interval: a duration with its unit, such as 5ms; got `200`",
        ),
        (
            "retries: { attempts: ▸0 }",
            "ingest[0].retries.attempts: a whole number from 1 to 100; got `0`",
        ),
        (
            "retries: { backoff: ▸0s }",
            "ingest[0].retries.backoff: a duration from 1ms to 1m; got `0s`",
        ),
        (
            "group_instance_id: ▸\"\"",
            "ingest[0].group_instance_id: a member's name of 1 to 255 bytes",
        ),
        ("session_timeout: ▸1s", "ingest[0].session_timeout: a duration from 6s to 30m; got `1s`"),
        (
            "metadata_refresh: ▸10ms",
            "ingest[0].metadata_refresh: a duration from 100ms to 1h; got `10ms`",
        ),
        ("max_frame_age: ▸25h", "ingest[0].max_frame_age: a duration from 1ms to 24h; got `25h`"),
        (
            "max_frame_age: ▸5ms",
            "ingest[0].max_frame_age: batch_wait_timeout of `m` (5ms) must be shorter than the",
        ),
    ];
    let kafka = "group: g, brokers: \"k:9092\", topics: ^camera_";
    assert_all_refused(table.map(|(keys, line)| (with(kafka, &format!("  {keys}")), line)).into());
}
