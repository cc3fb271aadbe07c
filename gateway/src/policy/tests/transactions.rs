//! `delivery: exactly_once`: what it takes, and what a member is called.

use std::time::Duration;

use super::{assert_refused, parse_text};
use crate::policy::{Delivery, InstanceId};

/// An ingest with these keys, and these sinks.
fn with(keys: &str, sinks: &str) -> String {
    format!(
        "models: {{ m: {{ artifact: a }} }}\nsinks: [{sinks}]\ningest:\n\
         - kafka: {{ brokers: \"k1:9,k2:9\", topics: t, group: g }}\n  {keys}\n"
    )
}

const SAME: &str = "kafka: { brokers: \"k3:9,K2:9\", topic: r }";
const ONCE: &str = "delivery: exactly_once\n  group_instance_id: i";
const REFUSED: &str = "delivery: ▸exactly_once\n  group_instance_id: i";

#[test]
fn it_commits_every_100_ms_unless_something_else_is_written() {
    let interval = |keys: &str| {
        let policy = parse_text(&with(keys, SAME)).unwrap();
        (policy.ingest[0].delivery, policy.ingest[0].commit_interval)
    };
    let ms = Duration::from_millis;
    assert_eq!(interval(ONCE), (Delivery::ExactlyOnce, ms(100)));
    let written = format!("{ONCE}\n  commit_interval: 50ms");
    assert_eq!(interval(&written), (Delivery::ExactlyOnce, ms(50)));
    assert_eq!(interval("delivery: at_least_once"), (Delivery::AtLeastOnce, ms(200)));
    assert_eq!(interval("start: latest"), (Delivery::AtLeastOnce, ms(200)));
}

#[test]
fn it_needs_a_name_and_all_sinks_on_the_same_brokers() {
    let other = format!("{SAME}, kafka: {{ brokers: \"other:9\", topic: s }}");
    let jsonl = format!("{SAME}, jsonl: {{ path: p }}");
    let gzip = format!("{SAME}, kafka: {{ brokers: \"k1:9\", topic: s, compression: gzip }}");
    let refused = [
        (with("delivery: ▸exactly_once", SAME), "exactly_once needs a `group_instance_id`"),
        (
            with(REFUSED, &jsonl),
            "exactly_once needs every sink in Kafka, and there is a jsonl sink",
        ),
        (with(REFUSED, &other), "exactly_once needs every sink on the brokers of the ingest"),
        (with(REFUSED, &gzip), "exactly_once writes all sinks with one producer; give them the"),
    ];
    let lines = refused.each_ref().map(|(_, reason)| format!("ingest[0].delivery: {reason}"));
    for ((text, _), line) in refused.iter().zip(&lines) {
        assert_refused(&[(text, line)]);
    }
}

#[test]
fn a_member_is_called_by_its_name_or_a_variable() {
    let id = |id: &str| {
        let policy = parse_text(&with(&format!("group_instance_id: {id}"), SAME)).unwrap();
        policy.ingest[0].instance_id.clone().unwrap()
    };
    assert_eq!(id("gateway-1"), InstanceId::Name("gateway-1".into()));
    assert_eq!(id("\"7\""), InstanceId::Name("7".into()));
    assert_eq!(id("{ env: POD_NAME }"), InstanceId::Env("POD_NAME".into()));
    assert_eq!(id("{ env: PATH }").name().unwrap(), std::env::var("PATH").unwrap());
    let missing = id("{ env: FRAMEGATE_NEVER_SET }").name().unwrap_err().to_string();
    assert!(missing.contains("the environment variable FRAMEGATE_NEVER_SET holds no name"));
    for wrong in ["▸7", "▸[a]", "▸{ env: a-b }", "▸{ envy: A }", "▸{ env: A, file: b }", "▸{}"]
    {
        let text = with(&format!("group_instance_id: {wrong}"), SAME);
        assert_refused(&[(&text, "ingest[0].group_instance_id: a member's name, or the")]);
    }
}
