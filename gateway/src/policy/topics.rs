//! Names and patterns of Kafka topics, and addresses of brokers.

use regex::{Regex, RegexBuilder};
use serde_saphyr::Spanned;

use super::checks::Checks;
use super::errors::quote;
use super::key::TextKey;
use super::node::Node;
use super::raw::Text;

/// Kafka's own bound on a topic's name, in characters.
const LONGEST_TOPIC: usize = 249;
/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1024;
/// What a compiled pattern may take, in bytes.
const PATTERN_MEMORY: usize = 1 << 20;

pub(super) const BROKERS: TextKey = TextKey::new("host:port, …");
pub(super) const TOPIC: TextKey = TextKey::new("topic").like("^[A-Za-z0-9._-]{1,249}$");

/// What is subscribed to, one or a list: librdkafka takes names, and patterns that begin with `^`.
pub(super) fn resolve_topics(raw: &Spanned<Node>, checks: &mut Checks) -> Vec<Text> {
    let items = match &raw.value {
        Node::List(items) => items.as_slice(),
        _ => std::slice::from_ref(raw),
    };
    if items.is_empty() {
        checks.wrong(raw, "at least one topic, such as ^camera_[0-9]+$");
    }
    let mut topics: Vec<Text> = Vec::with_capacity(items.len());
    for item in items {
        let Node::Text(topic) = &item.value else {
            checks.wrong(
                item,
                "a topic, or a list of topics; write one that looks like a number in quotes",
            );
            continue;
        };
        let topic = Text::from(Spanned::new(topic.clone(), item.referenced, item.defined));
        check_subscription(&topic, &topics, checks);
        topics.push(topic);
    }
    topics
}

fn check_subscription(topic: &Text, others: &[Text], checks: &mut Checks) {
    if others.iter().any(|other| other.value == topic.value) {
        checks.wrong(topic, format!("{} is given twice; keep one", quote(&topic.value)));
    } else if topic.value.starts_with('^') {
        check_pattern(topic, checks);
    } else {
        check_topic(topic, checks);
    }
}

/// Checks a topic's name.
pub(super) fn check_topic(topic: &Text, checks: &mut Checks) {
    let name = &topic.value;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let dots = name == "." || name == "..";
    if name.is_empty() || name.len() > LONGEST_TOPIC || dots || !name.chars().all(plain) {
        let reason =
            "a topic's name (letters, digits, `_`, `-`, `.`), or a pattern that begins with `^`";
        checks.wrong(topic, format!("{reason}; got {}", quote(name)));
    }
}

/// Whether one of `topics` is `name` or matches it. Patterns that do not compile match nothing.
pub(super) fn covers<'a>(topics: impl IntoIterator<Item = &'a str>, name: &str) -> bool {
    let matches = |pattern| compile(pattern).is_ok_and(|regex| regex.is_match(name));
    topics.into_iter().any(|topic| topic == name || topic.starts_with('^') && matches(topic))
}

/// Checks `host:port`, or several with commas.
pub(super) fn check_brokers(brokers: &Text, checks: &mut Checks) {
    if !brokers.value.split(',').all(|broker| is_broker(broker.trim())) {
        let reason = "brokers as host:port, separated by commas, such as 127.0.0.1:9092";
        checks.wrong(brokers, format!("{reason}; got {}", quote(&brokers.value)));
    }
}

/// Whether two lists of brokers have an address in common, so that they are of one cluster. That
/// two names are of one machine is not seen.
pub(super) fn share_a_broker(one: &str, other: &str) -> bool {
    let same = |a: &str| other.split(',').any(|b| a.trim().eq_ignore_ascii_case(b.trim()));
    one.split(',').any(same)
}

/// librdkafka compiles patterns with the C library (POSIX extended): what only Perl's kind has would not mean the same.
fn check_pattern(topic: &Text, checks: &mut Checks) {
    let pattern = &topic.value;
    if let Some(foreign) =
        [r"\d", r"\D", r"\p", r"\P", "(?"].iter().find(|foreign| pattern.contains(**foreign))
    {
        checks.wrong(
            topic,
            format!(
                "`{foreign}` is not known to Kafka's client; write a POSIX pattern such as [0-9]"
            ),
        );
    } else if let Err(error) = compile(pattern) {
        let error = error.to_string();
        let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        checks.wrong(topic, format!("not a regular expression ({cause}); got {}", quote(pattern)));
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(regex::Error::CompiledTooBig(LONGEST_PATTERN));
    }
    RegexBuilder::new(pattern).size_limit(PATTERN_MEMORY).build()
}

fn is_broker(broker: &str) -> bool {
    let Some((host, port)) = broker.rsplit_once(':') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name = !host.is_empty() && host.chars().all(plain);
    let ipv6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    (name || ipv6) && port.parse::<u16>().is_ok_and(|port| port != 0)
}
