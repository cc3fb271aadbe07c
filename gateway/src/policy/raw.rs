//! What was written: one field per key, as text with its place in the file. Numbers, durations and sizes stay text
//! here, so that all wrong ones are reported together, each in the words of its own key.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::node::Node;

/// A single value and where it stands.
pub(super) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub server: Option<RawServer>,
    pub limits: Option<RawLimits>,
    pub buckets: Option<Vec<RawBucket>>,
    pub models: Spanned<Entries<RawModel>>,
    pub ingest: Option<Spanned<Vec<RawIngest>>>,
    pub sinks: Option<Vec<RawSink>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub grpc: Option<Text>,
    pub http: Option<Text>,
    pub insecure: Option<bool>,
    pub default_timeout: Option<Text>,
    pub graceful_shutdown_timeout: Option<Text>,
    pub drain_delay: Option<Text>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub frame_bytes: Option<Text>,
    pub object_bytes: Option<Text>,
    pub image_width: Option<Text>,
    pub image_height: Option<Text>,
    pub image_pixels: Option<Text>,
    pub message_bytes: Option<Text>,
    pub replica_threads: Option<Text>,
    pub concurrent_fetches: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBucket {
    pub name: Text,
    pub url: Text,
    pub endpoint: Option<Text>,
    pub region: Option<Text>,
    pub virtual_hosted_style: Option<Spanned<bool>>,
    pub credentials: Option<Spanned<RawCredentials>>,
    pub profile: Option<Text>,
    pub timeout: Option<Text>,
    pub connect_timeout: Option<Text>,
    pub retries: Option<Spanned<RawRetries>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCredentials {
    #[default]
    Environment,
    File(Text),
    Instance,
    Anonymous,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    pub artifact: Option<Text>,
    pub backend: Option<RawBackend>,
    pub simulated: Option<Spanned<RawSimulated>>,
    pub device: Option<RawDevice>,
    pub placement: Option<RawPlacement>,
    pub num_threads: Option<Text>,
    pub max_batch_size: Option<Text>,
    pub batch_wait_timeout: Option<Text>,
    pub autoscaling: Option<RawAutoscaling>,
    pub max_queued_requests: Option<Text>,
    pub ingest_share: Option<Text>,
    pub graceful_shutdown_timeout: Option<Text>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawBackend {
    #[default]
    Onnx,
    Simulated,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawDevice {
    Cpu,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawPlacement {
    Thread,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSimulated {
    pub base: Text,
    pub per_item: Text,
    pub fetch: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAutoscaling {
    pub min_replicas: Option<Text>,
    pub initial_replicas: Option<Text>,
    pub max_replicas: Option<Text>,
    pub target_ongoing_requests: Option<Text>,
    pub target_drain_time: Option<Text>,
    pub look_back: Option<Text>,
    pub upscale_delay: Option<Text>,
    pub downscale_delay: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIngest {
    pub kafka: RawKafka,
    pub models: Option<Vec<Text>>,
    pub record: Option<RawRecord>,
    pub overload: Option<RawOverload>,
    pub max_frame_age: Option<Text>,
    pub start: Option<RawStart>,
    pub delivery: Option<RawDelivery>,
    pub max_in_flight: Option<Text>,
    pub commit_interval: Option<Text>,
    pub dead_letter: Option<RawDeadLetter>,
    pub retries: Option<RawRetries>,
    pub group_instance_id: Option<Text>,
    pub session_timeout: Option<Text>,
    pub metadata_refresh: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKafka {
    pub brokers: Text,
    pub topics: Spanned<Node>,
    pub group: Text,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    pub uri: Option<Text>,
    pub camera_id: Option<Text>,
    pub captured_at: Option<Text>,
    pub sequence: Option<Text>,
    pub models: Option<Text>,
    pub uri_prefix: Option<Text>,
}

/// A word, or a mapping of the one key `every_nth`; read in `overload`.
#[derive(Debug, Clone, Default)]
pub(super) enum RawOverload {
    #[default]
    ProcessAll,
    LatestOnly,
    EveryNth(Text),
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawStart {
    #[default]
    Committed,
    Latest,
    Earliest,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawDelivery {
    AtLeastOnce,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeadLetter {
    pub topic: Text,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetries {
    pub attempts: Option<Text>,
    pub backoff: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSink {
    Jsonl(RawJsonl),
    Kafka(RawKafkaSink),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJsonl {
    pub path: Text,
    pub drops: Option<Text>,
    pub rotate: Option<Spanned<RawRotate>>,
    pub fsync: Option<RawFsync>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRotate {
    pub size: Option<Text>,
    pub interval: Option<Text>,
    pub keep: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawFsync {
    #[default]
    Never,
    Batch,
    Every(Text),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKafkaSink {
    pub brokers: Text,
    pub topic: Text,
    pub drops: Option<Text>,
    pub compression: Option<RawCompression>,
    pub linger: Option<Text>,
    pub message_timeout: Option<Text>,
    pub max_message_bytes: Option<Text>,
    pub max_queued_messages: Option<Text>,
    pub max_queued_bytes: Option<Text>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCompression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
}

/// A mapping from names to `V`, in file order. Repeated names are refused by the reader.
#[derive(Debug)]
pub(super) struct Entries<V>(pub Vec<(Text, V)>);

impl RawPolicy {
    pub(super) fn ingest(&self) -> &[RawIngest] {
        self.ingest.as_ref().map_or(&[], |list| &list.value)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
    type Value = Entries<V>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a mapping of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
