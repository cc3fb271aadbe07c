//! `ingest:` where records come from and how their offsets are kept.

use std::sync::Arc;
use std::time::Duration;

use super::checks::Checks;
use super::errors::quote;
use super::instance::InstanceId;
use super::key::{Key, TextKey};
use super::model::Model;
use super::nearest::instead;
use super::overload::Overload;
use super::paths::Base;
use super::raw::{RawDelivery, RawIngest, RawKafka, RawRetries, RawStart, Text};
use super::record::RecordMap;
use super::security::Security;
use super::topics::{check_brokers, check_topic, covers, resolve_topics};
use super::units::{DURATION, whole};

const MS: Duration = Duration::from_millis(1);
/// How often a transaction is committed, unless something is written.
const TRANSACTION_INTERVAL: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) const GROUP: TextKey = TextKey::new("text");
pub(super) const MAX_FRAME_AGE: Key<Duration> = Key::new(DURATION, MS, DAY).or_words("none");
pub(super) const MAX_IN_FLIGHT: Key<usize> = Key::new(whole(), 1, 1_000_000).or(4096);
pub(super) const COMMIT_INTERVAL: Key<Duration> =
    Key::new(DURATION, Duration::from_millis(10), MINUTE).or(Duration::from_millis(200));
pub(super) const RETRY_ATTEMPTS: Key<u32> = Key::new(whole(), 1, 100).or(5);
pub(super) const RETRY_BACKOFF: Key<Duration> =
    Key::new(DURATION, MS, MINUTE).or(Duration::from_millis(100));
pub(super) const SESSION_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::from_secs(6), Duration::from_secs(30 * 60))
        .or(Duration::from_secs(45));
pub(super) const METADATA_REFRESH: Key<Duration> =
    Key::new(DURATION, Duration::from_millis(100), HOUR).or(Duration::from_secs(5));

/// The longest name of a group, in bytes.
const LONGEST_GROUP: usize = 255;

/// A consumer of Kafka topics. Every record that its overload policy spares is processed, at least once.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingest {
    /// Its place in the policy's list, which tells it from the others that feed a pool.
    pub number: u32,
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// How the brokers are reached.
    pub security: Security,
    /// What to subscribe to, at least one: names, and patterns that begin with `^`, as librdkafka takes them.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// A stable member of the group, from `group_instance_id`.
    pub instance_id: Option<InstanceId>,
    /// The models that see a record which names none; at least one, all of the policy by default.
    pub models: Vec<Arc<str>>,
    /// Where a record keeps what a reference needs.
    pub record: RecordMap,
    /// What becomes of records when there are more than can be done.
    pub overload: Overload,
    /// Older frames are dropped, 1 ms to 24 h; none by default.
    pub max_frame_age: Option<Duration>,
    /// Where consuming begins.
    pub start: Start,
    /// Records taken and not yet done, at most. Default 4,096, 1 to 1,000,000.
    pub max_in_flight: usize,
    /// How often results are delivered.
    pub delivery: Delivery,
    /// How often offsets are committed. Default 200 ms, 100 ms under exactly once; 10 ms to 1 min.
    pub commit_interval: Duration,
    /// The topic of entries that failed for good; never one of `topics`. Without it they go to the sinks.
    pub dead_letter: Option<String>,
    /// How often a failed entry is tried again.
    pub retries: Retries,
    /// After how long a silent member loses its partitions. Default 45 s, 6 s to 30 min.
    pub session_timeout: Duration,
    /// How often new topics are looked for. Default 5 s, 100 ms to 1 h.
    pub metadata_refresh: Duration,
}

/// Where consuming begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After the committed offset, or at the earliest record where there is none. The default.
    Committed,
    /// After the committed offset, or where there is none, at the first record written since the
    /// gateway's start.
    Latest,
    /// The same as `Committed`, as Kafka's own `auto.offset.reset` names it.
    Earliest,
}

/// How often a record's results are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// None is lost; some may come again. The default.
    AtLeastOnce,
    /// In one transaction with the offsets; there is an `instance_id`, and all sinks are of Kafka, on the same brokers.
    ExactlyOnce,
}

/// How often a failed entry is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Tries in all. Default 5, 1 to 100.
    pub attempts: u32,
    /// The wait before the second; it doubles. Default 100 ms, 1 ms to 1 min.
    pub backoff: Duration,
}

pub(super) fn resolve(
    raw: &[RawIngest],
    models: &[Model],
    base: &Base,
    checks: &mut Checks,
) -> Vec<Ingest> {
    let ingest = |(number, item)| Ingest::resolve(number, item, models, base, checks);
    (0..).zip(raw).map(ingest).collect()
}

impl Ingest {
    fn resolve(
        number: u32,
        raw: &RawIngest,
        models: &[Model],
        base: &Base,
        checks: &mut Checks,
    ) -> Self {
        let delivery = Delivery::from(raw.delivery());
        let RawKafka { brokers, security, topics, group } = &raw.kafka;
        let topics = resolve_topics(topics, checks);
        check_brokers(brokers, checks);
        Self {
            number,
            brokers: brokers.value.clone(),
            security: Security::resolve(security.as_ref(), &brokers.value, base, checks),
            group: checks.text(group, "a consumer group's name", LONGEST_GROUP),
            instance_id: raw.group_instance_id.as_ref().map(|id| InstanceId::resolve(id, checks)),
            models: models_of(raw.models.as_deref().unwrap_or_default(), models, checks),
            record: RecordMap::resolve(&raw.record.clone().unwrap_or_default(), checks),
            overload: Overload::resolve(&raw.overload.clone().unwrap_or_default(), checks),
            max_frame_age: raw
                .max_frame_age
                .as_ref()
                .map(|age| checks.required(age, MAX_FRAME_AGE)),
            start: Start::from(raw.start.unwrap_or_default()),
            max_in_flight: checks.value(&raw.max_in_flight, MAX_IN_FLIGHT),
            delivery,
            commit_interval: checks.value(&raw.commit_interval, delivery.commit_interval()),
            dead_letter: raw
                .dead_letter
                .as_ref()
                .map(|raw| dead_letter(&raw.topic, &topics, checks)),
            retries: Retries::resolve(&raw.retries.clone().unwrap_or_default(), checks),
            session_timeout: checks.value(&raw.session_timeout, SESSION_TIMEOUT),
            metadata_refresh: checks.value(&raw.metadata_refresh, METADATA_REFRESH),
            topics: topics.iter().map(|topic| topic.value.clone()).collect(),
        }
    }
}

impl Ingest {
    /// The name of this member of the group, if it has a stable one.
    ///
    /// # Errors
    /// When it is to be in an environment variable that holds none.
    pub fn instance(&self) -> anyhow::Result<Option<String>> {
        self.instance_id.as_ref().map(InstanceId::name).transpose()
    }
}

impl Delivery {
    fn commit_interval(self) -> Key<Duration> {
        match self {
            Self::AtLeastOnce => COMMIT_INTERVAL,
            Self::ExactlyOnce => COMMIT_INTERVAL.or(TRANSACTION_INTERVAL),
        }
    }
}

impl RawIngest {
    pub(super) fn delivery(&self) -> RawDelivery {
        self.delivery.as_ref().map(|delivery| delivery.value).unwrap_or_default()
    }
}

impl Retries {
    fn resolve(raw: &RawRetries, checks: &mut Checks) -> Self {
        Self {
            attempts: checks.value(&raw.attempts, RETRY_ATTEMPTS),
            backoff: checks.value(&raw.backoff, RETRY_BACKOFF),
        }
    }
}

impl From<RawDelivery> for Delivery {
    fn from(raw: RawDelivery) -> Self {
        match raw {
            RawDelivery::AtLeastOnce => Self::AtLeastOnce,
            RawDelivery::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

impl From<RawStart> for Start {
    fn from(raw: RawStart) -> Self {
        match raw {
            RawStart::Committed => Self::Committed,
            RawStart::Latest => Self::Latest,
            RawStart::Earliest => Self::Earliest,
        }
    }
}

/// The named models, or all when none is named.
fn models_of(names: &[Text], models: &[Model], checks: &mut Checks) -> Vec<Arc<str>> {
    if names.is_empty() {
        return models.iter().map(|model| Arc::clone(&model.name)).collect();
    }
    let mut chosen: Vec<Arc<str>> = Vec::with_capacity(names.len());
    for name in names {
        match models.iter().find(|model| *model.name == *name.value) {
            Some(model) if chosen.contains(&model.name) => {
                checks.wrong(name, format!("{} is given twice; keep one", quote(&name.value)));
            }
            Some(model) => chosen.push(Arc::clone(&model.name)),
            None => {
                let instead = instead(&name.value, models.iter().map(|model| &*model.name));
                checks.wrong(name, format!("unknown model {}; {instead}", quote(&name.value)));
            }
        }
    }
    chosen
}

/// A dead letter that came in again would fail again, for ever.
fn dead_letter(topic: &Text, topics: &[Text], checks: &mut Checks) -> String {
    check_topic(topic, checks);
    if covers(topics.iter().map(|topic| &*topic.value), &topic.value) {
        checks.wrong(
            topic,
            format!("{} is one of the topics that are read; name another", quote(&topic.value)),
        );
    }
    topic.value.clone()
}
