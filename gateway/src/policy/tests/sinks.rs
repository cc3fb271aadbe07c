//! What sinks resolve to, and what they forbid.

use std::time::Duration;

use super::{assert_refused_beside, parse_text};
use crate::policy::{Compression, Fsync, KafkaSink, Rotation, Security, Sink};

const MODEL: &str = "models: { m: { artifact: a } }\n";
/// A model, and an ingest of camera topics with a dead-letter topic.
const FED: &str = "models: { m: { artifact: a } }\ningest:\n- kafka: { brokers: \"k1:1,k2:1\", topics: \
     [^camera_, extra], group: g }\n  dead_letter: { topic: dead }\n";

#[test]
fn the_least_kafka_sink_has_the_documented_defaults() {
    let policy = parse_text(&format!("{MODEL}sinks: [kafka: {{ brokers: \"k:1\", topic: t }}]"));
    let kafka = KafkaSink {
        brokers: "k:1".into(),
        security: Security::default(),
        topic: "t".into(),
        drops: None,
        compression: Compression::None,
        linger: Duration::from_millis(5),
        message_timeout: Duration::from_secs(30),
        max_message_bytes: 1_000_000,
        max_queued_messages: 10_000,
        max_queued_bytes: 64 << 20,
    };
    assert_eq!(policy.unwrap().sinks, [Sink::Kafka(Box::new(kafka))]);
}

#[test]
fn what_is_written_runs() {
    let policy = parse_text(&format!(
        "{FED}sinks:\n- kafka: {{ brokers: \"k1:1\", topic: t, drops: d, compression: lz4, linger: 0s, \
         message_timeout: 1m, max_message_bytes: 2MiB, max_queued_messages: 7, max_queued_bytes: 3MiB }}\n\
         - jsonl: {{ path: a, rotate: {{ size: 256MiB, interval: 1h, keep: 24 }}, fsync: batch }}\n\
         - jsonl: {{ path: b, rotate: {{ interval: 24h }}, fsync: {{ every: 1s }} }}\n\
         - kafka: {{ brokers: \"other:1\", topic: camera_1, drops: dead }}\n",
    ));
    let sinks = policy.unwrap().sinks;
    let [Sink::Kafka(kafka), Sink::Jsonl(a), Sink::Jsonl(b), Sink::Kafka(_)] = &sinks[..] else {
        panic!("the sinks in their order")
    };
    let times = (kafka.linger, kafka.message_timeout);
    assert_eq!((kafka.drops.as_deref(), kafka.compression), (Some("d"), Compression::Lz4));
    assert_eq!(times, (Duration::ZERO, Duration::from_secs(60)));
    let bounds = (kafka.max_message_bytes, kafka.max_queued_messages, kafka.max_queued_bytes);
    assert_eq!(bounds, (2 << 20, 7, 3 << 20));
    let hour = Duration::from_secs(3600);
    let full = Rotation { size: Some(256 << 20), interval: Some(hour), keep: Some(24) };
    assert_eq!((a.rotate, a.fsync), (Some(full), Fsync::Batch));
    let daily = Rotation { size: None, interval: Some(hour * 24), keep: None };
    assert_eq!((b.rotate, b.fsync), (Some(daily), Fsync::Every(Duration::from_secs(1))));
}

/// A sink with `keys` after what it must have.
fn assert_sinks_refused(begin: &str, path: &str, table: &[(&str, &str)]) {
    let full: Vec<(String, String)> = table
        .iter()
        .map(|(keys, line)| (format!("sinks: [{begin}, {keys} }}]"), format!("{path}{line}")))
        .collect();
    let table: Vec<(&str, &str)> = full.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_refused_beside(MODEL, &table);
}

#[test]
fn jsonl() {
    assert_sinks_refused(
        "jsonl: { path: p",
        "sinks[0].jsonl",
        &[
            ("rotate: ▸{}", ".rotate: `size`, `interval` or both say when to rotate; write one"),
            ("rotate: ▸{ keep: 3 }", ".rotate: `size`, `interval` or both say when"),
            ("rotate: { size: ▸256 }", ".rotate.size: a size with its unit"),
            ("rotate: { size: ▸1KiB }", ".rotate.size: a size from 4KiB to 1TiB; got `1KiB`"),
            ("rotate: { interval: ▸1d }", ".rotate.interval: a duration with its unit"),
            ("rotate: { interval: ▸1ms }", ".rotate.interval: a duration from 1s to 8760h"),
            ("rotate: { size: 1GiB, keep: ▸-1 }", ".rotate.keep: a whole number from 0 to 100000"),
            ("rotate: { ▸sizes: 1GiB }", ".rotate: unknown key `sizes`; did you mean `size`?"),
            ("rotate: ▸hourly", ".rotate: expected a mapping"),
            ("▸rotat: {}", ": unknown key `rotat`; did you mean `rotate`?"),
            ("fsync: ▸always", ".fsync: `always` is not accepted; write one of `never`, `batch`"),
            ("fsync: ▸bach", ".fsync: `bach` is not accepted; did you mean `batch`?"),
            ("fsync: { every: ▸1ms }", ".fsync.every: a duration from 10ms to 1h; got `1ms`"),
        ],
    );
}

#[test]
fn kafka() {
    assert_sinks_refused(
        "kafka: { brokers: \"k:1\", topic: t",
        "sinks[0].kafka",
        &[
            ("drops: ▸t", ".drops: a sink writes `t` already; name another"),
            ("drops: ▸a/b", ".drops: a topic's name (letters"),
            (
                "compression: ▸brotli",
                ".compression: `brotli` is not accepted; write one of `none`,",
            ),
            ("compression: ▸lz5", ".compression: `lz5` is not accepted; did you mean `lz4`?"),
            ("▸acks: 1", ": unknown key `acks`; write one of `brokers`, `security`"),
            ("linger: ▸1m", ".linger: a duration from 0s to 10s; got `1m`"),
            ("message_timeout: ▸30", ".message_timeout: a duration with its unit"),
            ("linger: ▸2s, message_timeout: 2s", ".linger: linger must be shorter than"),
            ("max_message_bytes: ▸1B", ".max_message_bytes: a size from 1KiB to 64MiB; got `1B`"),
            ("max_queued_messages: ▸0", ".max_queued_messages: a whole number from 1 to 1000000"),
            ("max_queued_bytes: ▸3GiB", ".max_queued_bytes: a size from 1MiB to 2GiB; got `3GiB`"),
            (
                "max_message_bytes: ▸2MiB, max_queued_bytes: 1MiB",
                ".max_message_bytes: max_message_bytes may be at most max_queued_bytes",
            ),
        ],
    );
    let table = [
        ("sinks: [kafka: ▸{ brokers: \"k:1\" }]", "sinks[0].kafka: the key `topic` is missing"),
        ("sinks: [kafka: { brokers: ▸k, topic: t }]", "sinks[0].kafka.brokers: brokers as host"),
        (
            "sinks:\n- kafka: { brokers: \"k:1\", topic: t }\n\
             - kafka: { brokers: \"j:1, K:1\", topic: ▸t }",
            "sinks[1].kafka.topic: a sink writes `t` already; name another",
        ),
    ];
    assert_refused_beside(MODEL, &table);
}

#[test]
fn loops() {
    let loops = "is one of the topics that ingest reads from these brokers";
    let table = [
        ("topic: ▸camera_results", format!("topic: `camera_results` {loops}")),
        ("topic: ▸extra", format!("topic: `extra` {loops}")),
        ("topic: t, drops: ▸camera_drops", format!("drops: `camera_drops` {loops}")),
        ("topic: ▸dead", "topic: `dead` is the topic of dead letters; name another".to_owned()),
    ];
    for (keys, line) in table {
        let sinks = format!("sinks: [kafka: {{ brokers: \"x:1, k2:1\", {keys} }}]");
        assert_refused_beside(FED, &[(&sinks, &format!("sinks[0].kafka.{line}"))]);
    }
}
