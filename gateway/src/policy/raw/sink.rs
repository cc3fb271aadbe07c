//! The keys of `sinks:`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::{RawSecurity, Text};
use crate::policy::{paths, sink, topics};

/// Where results of records go; each sink has one key, its kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawSink {
    Jsonl(Box<RawJsonl>),
    Kafka(Box<RawKafkaSink>),
}

/// A file of one JSON object per line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawJsonl {
    /// The file of results. It is appended to; no other sink writes it.
    #[schemars(transform = paths::PATH.form())]
    pub path: Text,
    /// The file of one line for each (record, model) that was dropped.
    #[schemars(transform = paths::PATH.form(), extend("x-default" = "none"))]
    pub drops: Option<Text>,
    #[schemars(with = "Option<RawRotate>", extend("x-default" = "never"))]
    pub rotate: Option<Spanned<RawRotate>>,
    /// When lines are forced onto the disk: what a power cut may take.
    #[schemars(extend("default" = "never"))]
    pub fsync: Option<RawFsync>,
}

/// When a file is put aside for a new one: by `size`, by `interval`, or by whichever comes first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawRotate {
    /// Before it would grow beyond this.
    #[schemars(transform = sink::ROTATE_SIZE.form())]
    pub size: Option<Text>,
    /// So long after it was begun.
    #[schemars(transform = sink::ROTATE_INTERVAL.form())]
    pub interval: Option<Text>,
    /// How many files that were put aside stay.
    #[schemars(transform = sink::ROTATE_KEEP.form())]
    pub keep: Option<Text>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawFsync {
    /// When the operating system sees fit.
    #[default]
    Never,
    /// Before they are acknowledged.
    Batch,
    /// At most so long after they were acknowledged, 10ms to 1h.
    Every(Text),
}

/// A Kafka topic of one record per result, keyed by camera.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawKafkaSink {
    /// `host:port`, or several with commas.
    #[schemars(transform = topics::BROKERS.form())]
    pub brokers: Text,
    #[schemars(with = "Option<RawSecurity>", extend("x-default" = "none"))]
    pub security: Option<Spanned<RawSecurity>>,
    /// The topic of results; no ingest of the same brokers reads it.
    #[schemars(transform = topics::TOPIC.form())]
    pub topic: Text,
    /// The topic of one record for each (record, model) that was dropped.
    #[schemars(transform = topics::TOPIC.form(), extend("x-default" = "none"))]
    pub drops: Option<Text>,
    /// How batches are compressed.
    #[schemars(extend("default" = RawCompression::default()))]
    pub compression: Option<RawCompression>,
    /// How long a record may wait for others to be sent with; shorter than `message_timeout`.
    #[schemars(transform = sink::LINGER.form())]
    pub linger: Option<Text>,
    /// How long a record may be under way before its batch is delivered anew.
    #[schemars(transform = sink::MESSAGE_TIMEOUT.form())]
    pub message_timeout: Option<Text>,
    /// The largest record; at most `max_queued_bytes`, and the topic's `max.message.bytes`.
    #[schemars(transform = sink::MAX_MESSAGE_BYTES.form())]
    pub max_message_bytes: Option<Text>,
    /// Records under way, at most; beyond that, delivery waits.
    #[schemars(transform = sink::MAX_QUEUED_MESSAGES.form())]
    pub max_queued_messages: Option<Text>,
    /// Bytes under way, at most; beyond that, delivery waits.
    #[schemars(transform = sink::MAX_QUEUED_BYTES.form())]
    pub max_queued_bytes: Option<Text>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawCompression {
    /// Not at all.
    #[default]
    None,
    /// Small, and slow to make.
    Gzip,
    /// Quick.
    Snappy,
    /// Quick, and smaller than snappy.
    Lz4,
    /// Smaller than gzip, and quicker.
    Zstd,
}
