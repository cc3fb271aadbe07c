//! The keys of `ingest:`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::{RawSecurity, Text};
use crate::policy::node::Node;
use crate::policy::{ingest, overload, record, topics};

/// A consumer of Kafka topics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawIngest {
    pub kafka: RawKafka,
    /// The models that see a record which names none.
    #[schemars(extend("x-default" = "all of the policy"))]
    pub models: Option<Vec<Text>>,
    pub record: Option<RawRecord>,
    /// What is done when records come faster than they are served.
    #[schemars(extend("default" = "process_all"))]
    pub overload: Option<RawOverload>,
    /// Frames older than this are dropped with the reason `too_old`. A backlog of a partition whose records are stamped
    /// earlier is passed over unread, with the reason `skipped`.
    #[schemars(transform = ingest::MAX_FRAME_AGE.form())]
    pub max_frame_age: Option<Text>,
    /// Where consuming begins in a partition for which the group has committed nothing. Elsewhere it goes on behind what
    /// is committed, whatever is said here, so that a restart loses nothing; `max_frame_age` then passes over what is old.
    #[schemars(extend("default" = RawStart::default()))]
    pub start: Option<RawStart>,
    /// How often a record's results are delivered.
    #[schemars(with = "Option<RawDelivery>", extend("default" = RawDelivery::default()))]
    pub delivery: Option<Spanned<RawDelivery>>,
    /// Records taken and not yet done, at most; then the partitions are paused.
    #[schemars(transform = ingest::MAX_IN_FLIGHT.form())]
    pub max_in_flight: Option<Text>,
    /// How often offsets are committed. Under `exactly_once` 100ms, and at once for 1,000 records.
    #[schemars(transform = ingest::COMMIT_INTERVAL.form())]
    pub commit_interval: Option<Text>,
    #[schemars(extend("x-default" = "none: they go to the sinks, as an `error` result"))]
    pub dead_letter: Option<RawDeadLetter>,
    pub retries: Option<RawRetries>,
    /// A stable name of this member of the group: it gets its partitions back after a restart. Unique within the group.
    /// `{ env: NAME }` is what an environment variable holds. Under `exactly_once` it must be written: it also names the
    /// transactions.
    #[schemars(with = "Option<NameOrEnv>", extend("x-kind" = "text, or { env: NAME }", "x-default" = "none"))]
    pub group_instance_id: Option<Spanned<Node>>,
    /// After how long a silent member loses its partitions.
    #[schemars(transform = ingest::SESSION_TIMEOUT.form())]
    pub session_timeout: Option<Text>,
    /// How often new topics are looked for.
    #[schemars(transform = ingest::METADATA_REFRESH.form())]
    pub metadata_refresh: Option<Text>,
}

/// A name, or `{ env: NAME }`; read in `instance`.
struct NameOrEnv;

/// What is consumed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawKafka {
    /// `host:port`, or several with commas.
    #[schemars(transform = topics::BROKERS.form())]
    pub brokers: Text,
    #[schemars(with = "Option<RawSecurity>", extend("x-default" = "none"))]
    pub security: Option<Spanned<RawSecurity>>,
    /// A topic or a list of them: names, and POSIX patterns that begin with `^`, such as `^camera_[0-9]+$`.
    #[schemars(schema_with = "one_or_many")]
    pub topics: Spanned<Node>,
    /// The consumer group. Offsets are its.
    #[schemars(transform = ingest::GROUP.form())]
    pub group: Text,
}

/// Where a record keeps what a reference needs: a JSON pointer (RFC 6901, begins with `/`) into its value, such as
/// `/camera/id` or `/frames/0/path`, or the name of a header. A value that is no JSON object is the reference itself, as
/// plain text or as a JSON string. A list of one element counts as the element.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawRecord {
    /// The frame's reference. A JSON record must have one.
    #[schemars(transform = record::URI.form())]
    pub uri: Option<Text>,
    /// The camera: text, or a whole number. Without it, the record's key, or else its topic.
    #[schemars(transform = record::CAMERA_ID.form())]
    pub camera_id: Option<Text>,
    /// The time of capture: RFC 3339 (UTC where no offset is written), or seconds, milliseconds, microseconds or
    /// nanoseconds since 1970, told apart by their size. Without it, Kafka's timestamp.
    #[schemars(transform = record::CAPTURED_AT.form())]
    pub captured_at: Option<Text>,
    /// The frame's number within its camera.
    #[schemars(transform = record::SEQUENCE.form())]
    pub sequence: Option<Text>,
    /// The models that are asked for: a list of names, or one text with commas.
    #[schemars(transform = record::MODELS.form())]
    pub models: Option<Text>,
    /// What is put before every reference, so that records may hold bare keys: `frames:`.
    #[schemars(transform = record::URI_PREFIX.form())]
    pub uri_prefix: Option<Text>,
}

/// Read in `overload`.
#[derive(Debug, Clone, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawOverload {
    /// Every record is served; partitions are paused until there is room.
    #[default]
    ProcessAll,
    /// Of each camera only the newest frame waits, at each model; it takes the place of the one before.
    LatestOnly,
    /// One record in so many of each camera is served, always; the others are dropped unseen.
    EveryNth(#[schemars(transform = overload::EVERY_NTH.form())] Text),
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawStart {
    /// At the earliest record.
    #[default]
    Committed,
    /// At the first record written since the gateway's start: of a topic that comes into being later, its first.
    Latest,
    /// At the earliest record, as Kafka's own `auto.offset.reset` names it.
    Earliest,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawDelivery {
    /// None is lost; after a crash some come again, with the same `id`.
    #[default]
    AtLeastOnce,
    /// Who reads with `isolation.level=read_committed` sees each once, with dead letters and drops: they are written in
    /// one Kafka transaction with the offsets. It needs `group_instance_id`, and every sink in Kafka, on the brokers of
    /// the ingest.
    ExactlyOnce,
}

/// Where entries go that failed for good.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawDeadLetter {
    /// The topic; never one of those that are consumed.
    #[schemars(transform = topics::TOPIC.form())]
    pub topic: Text,
}

/// How often an entry is tried whose object is missing or whose backend failed. What is unavailable is tried for as long
/// as it takes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawRetries {
    /// Tries in all.
    #[schemars(transform = ingest::RETRY_ATTEMPTS.form())]
    pub attempts: Option<Text>,
    /// The wait before the second; it doubles with each.
    #[schemars(transform = ingest::RETRY_BACKOFF.form())]
    pub backoff: Option<Text>,
}

impl JsonSchema for NameOrEnv {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NameOrEnv".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "env": { "type": "string", "pattern": "^[A-Za-z0-9_]+$" } },
                    "required": ["env"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

fn one_or_many(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kind": "topic, or list of them",
        "anyOf": [
            { "type": "string" },
            { "type": "array", "minItems": 1, "items": { "type": "string" } },
        ],
    })
}
