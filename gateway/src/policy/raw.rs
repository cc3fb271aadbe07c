//! What was written: one field per key, as text with its place in the file. Numbers, durations and sizes stay text
//! here, so that all wrong ones are reported together, each in the words of its own key.
//!
//! The comments are the reference: editors show them through the schema, and docs/policy.md lists them. So a key is
//! documented here and nowhere else, a mapping at its type. Its unit, bounds and default come from its rule, which the
//! resolver reads too.

mod ingest;
mod model;
mod security;
mod sink;
mod text;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

pub(super) use ingest::*;
pub(super) use model::*;
pub(super) use security::*;
pub(super) use sink::*;
pub(super) use text::{Entries, Text};

use super::{bucket, checks, limits, s3, server};

/// What Framegate serves and how. Only `models` must be written. Durations and sizes carry their unit (`250ms`,
/// `64MiB`); relative paths are relative to the policy's folder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub server: Option<RawServer>,
    pub limits: Option<RawLimits>,
    /// The only places that frames are read from; none denies every reference.
    pub buckets: Option<Vec<RawBucket>>,
    /// What is served, by the name that requests use. At least one.
    #[schemars(with = "Entries<RawModel>")]
    pub models: Spanned<Entries<RawModel>>,
    /// Where records come from. It needs a sink.
    #[schemars(with = "Option<Vec<RawIngest>>")]
    pub ingest: Option<Spanned<Vec<RawIngest>>>,
    /// Where results of records go. A record is done when every sink has its results.
    pub sinks: Option<Vec<RawSink>>,
}

/// The listeners and how they stop.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    /// IP address and port of gRPC; port 0 is any free port. Off loopback only with `insecure: true`.
    #[schemars(transform = server::GRPC.form())]
    pub grpc: Option<Text>,
    /// IP address and port of `/metrics`, `/healthz` and `/readyz`; never the same as `grpc`.
    #[schemars(transform = server::HTTP.form())]
    pub http: Option<Text>,
    /// Accepts listeners that other machines can reach, without TLS or authentication.
    #[schemars(extend("default" = server::INSECURE))]
    pub insecure: Option<bool>,
    /// The deadline of a call that brings none.
    #[schemars(transform = server::DEFAULT_TIMEOUT.form())]
    pub default_timeout: Option<Text>,
    /// How long accepted calls may take to finish when stopping; the rest get UNAVAILABLE.
    #[schemars(transform = server::GRACEFUL_SHUTDOWN_TIMEOUT.form())]
    pub graceful_shutdown_timeout: Option<Text>,
    /// How long calls are still accepted after readiness goes off, so that load balancers notice.
    #[schemars(transform = server::DRAIN_DELAY.form())]
    pub drain_delay: Option<Text>,
}

/// What is bounded before anything is allocated.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// Decoded frames in memory, together. A frame that is larger goes alone.
    #[schemars(transform = limits::FRAME_BYTES.form())]
    pub frame_bytes: Option<Text>,
    /// One encoded frame.
    #[schemars(transform = limits::OBJECT_BYTES.form())]
    pub object_bytes: Option<Text>,
    /// Width of an image in pixels, read from its header.
    #[schemars(transform = limits::IMAGE_WIDTH.form())]
    pub image_width: Option<Text>,
    /// Height of an image in pixels, read from its header.
    #[schemars(transform = limits::IMAGE_HEIGHT.form())]
    pub image_height: Option<Text>,
    /// Width × height of an image, read from its header.
    #[schemars(transform = limits::IMAGE_PIXELS.form())]
    pub image_pixels: Option<Text>,
    /// One gRPC message.
    #[schemars(transform = limits::MESSAGE_BYTES.form())]
    pub message_bytes: Option<Text>,
    /// Threads that the replicas of all models may compute with, together.
    #[schemars(transform = limits::REPLICA_THREADS.form())]
    pub replica_threads: Option<Text>,
    /// Memory that the replicas of all models may take, together: what each took when its model was opened. Of a thread
    /// that is a guess.
    #[schemars(transform = limits::REPLICA_MEMORY.form())]
    pub replica_memory: Option<Text>,
    /// Objects fetched at once from all buckets on S3.
    #[schemars(transform = limits::CONCURRENT_FETCHES.form())]
    pub concurrent_fetches: Option<Text>,
}

/// A place that frames are read from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBucket {
    /// What references call it, as in `NAME:key`; unique.
    #[schemars(transform = checks::NAME.form())]
    pub name: Text,
    /// A folder: `file:///absolute/path`, or `file:path` relative to the policy's folder. Or `s3://BUCKET/PREFIX`; nothing
    /// outside the prefix can be read.
    #[schemars(transform = bucket::URL.form())]
    pub url: Text,
    /// The S3 server. With it, `region` may be left out.
    #[schemars(transform = s3::ENDPOINT.form())]
    pub endpoint: Option<Text>,
    /// The region of the bucket on S3.
    #[schemars(transform = s3::REGION.form())]
    pub region: Option<Text>,
    /// Whether the bucket's name stands before the S3 server's host, and not in the path.
    #[schemars(with = "Option<bool>", extend("default" = s3::VIRTUAL_HOSTED_STYLE))]
    pub virtual_hosted_style: Option<Spanned<bool>>,
    /// Where the S3 credentials come from; they are never in the policy.
    #[schemars(with = "Option<RawCredentials>", extend("default" = "environment"))]
    pub credentials: Option<Spanned<RawCredentials>>,
    /// The section of the credentials' file.
    #[schemars(transform = s3::PROFILE.form())]
    pub profile: Option<Text>,
    /// The time of one try to fetch an object from S3, from the credentials to the last byte.
    #[schemars(transform = s3::TIMEOUT.form())]
    pub timeout: Option<Text>,
    /// The part of it in which a connection must stand.
    #[schemars(transform = s3::CONNECT_TIMEOUT.form())]
    pub connect_timeout: Option<Text>,
    #[schemars(with = "Option<RawFetchRetries>")]
    pub retries: Option<Spanned<RawFetchRetries>>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCredentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    #[default]
    Environment,
    /// A file as `~/.aws/credentials` is, read for each request.
    File(Text),
    /// What the machine is given: a web identity token, a container's credentials or the instance's metadata.
    Instance,
    /// None; requests are not signed.
    Anonymous,
}

/// How often a fetch from S3 is tried.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFetchRetries {
    /// Tries in all.
    #[schemars(transform = s3::RETRY_ATTEMPTS.form())]
    pub attempts: Option<Text>,
    /// The wait before the second; it doubles with each, to at most 10 s.
    #[schemars(transform = s3::RETRY_BACKOFF.form())]
    pub backoff: Option<Text>,
}

impl RawPolicy {
    pub(super) fn ingest(&self) -> &[RawIngest] {
        self.ingest.as_ref().map_or(&[], |list| &list.value)
    }
}
