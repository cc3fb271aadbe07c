//! A policy key by key, as it could be written: what its changes are told by. Every field is named here, so that none is
//! forgotten; of secrets nothing is shown.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use framegate_replica::{
    backend::Execution,
    frame::{S3Credentials, S3Options},
};

use super::units::{BYTES, PIXEL_COUNT, show_duration};
use super::{
    Autoscaling, Backend, Batching, Bucket, Delivery, Fsync, Ingest, InstanceId, JsonlSink,
    KafkaSink, Limits, Model, Overload, Place, Placement, RecordMap, Retries, Rotation, Security,
    Selector, Server, Sink, Start, Target,
};

/// The keys of a mapping and their values, those that are not written too. Keys of mappings in it have its key before a
/// dot: `autoscaling.min_replicas`.
pub type Keys = Vec<(&'static str, String)>;

/// What a key has that holds nothing.
const NONE: &str = "none";

/// Of `server:`.
#[must_use]
pub fn server(server: &Server) -> Keys {
    let Server { grpc, http, default_timeout, graceful_shutdown_timeout, drain_delay } = server;
    vec![
        ("grpc", grpc.to_string()),
        ("http", http.to_string()),
        ("default_timeout", time(default_timeout)),
        ("graceful_shutdown_timeout", time(graceful_shutdown_timeout)),
        ("drain_delay", time(drain_delay)),
    ]
}

/// Of `limits:`.
#[must_use]
pub fn limits(limits: &Limits) -> Keys {
    let Limits {
        frame_bytes,
        object_bytes,
        image_width,
        image_height,
        image_pixels,
        message_bytes,
        concurrent_fetches,
        replica_threads,
        replica_memory,
    } = limits;
    vec![
        ("frame_bytes", bytes(*frame_bytes)),
        ("object_bytes", bytes(*object_bytes)),
        ("image_width", image_width.to_string()),
        ("image_height", image_height.to_string()),
        ("image_pixels", (PIXEL_COUNT.show)(*image_pixels)),
        ("message_bytes", bytes(*message_bytes as u64)),
        ("concurrent_fetches", concurrent_fetches.to_string()),
        ("replica_threads", replica_threads.to_string()),
        ("replica_memory", bytes(*replica_memory)),
    ]
}

/// Of a bucket.
#[must_use]
pub fn bucket(bucket: &Bucket) -> Keys {
    let Bucket { name: _, place } = bucket;
    let (location, options) = match place {
        Place::Folder(folder) => return vec![("url", format!("file://{}", folder.display()))],
        Place::S3 { location, options } => (location, options),
    };
    let S3Options {
        endpoint,
        region,
        virtual_hosted_style,
        credentials,
        timeout,
        connect_timeout,
        retries,
    } = options;
    vec![
        ("url", location.url()),
        ("endpoint", or_none(endpoint.as_ref())),
        ("region", region.clone()),
        ("virtual_hosted_style", virtual_hosted_style.to_string()),
        ("credentials", self::credentials(credentials)),
        ("timeout", time(timeout)),
        ("connect_timeout", time(connect_timeout)),
        ("retries.attempts", retries.attempts.to_string()),
        ("retries.backoff", time(&retries.backoff)),
    ]
}

fn credentials(credentials: &S3Credentials) -> String {
    match credentials {
        S3Credentials::Environment => "environment".to_owned(),
        S3Credentials::Instance => "instance".to_owned(),
        S3Credentials::Anonymous => "anonymous".to_owned(),
        S3Credentials::File { path, profile } => {
            format!("{{ file: {} }}, profile {profile}", path.display())
        }
    }
}

/// Of a model.
#[must_use]
pub fn model(model: &Model) -> Keys {
    let Model {
        name: _,
        backend,
        placement,
        num_threads,
        max_batch_size,
        batching,
        autoscaling,
        max_queued_requests,
        max_queued_ingest,
        start_timeout,
        batch_timeout,
        graceful_shutdown_timeout,
    } = model;
    let mut keys = self::backend(backend);
    keys.push(("placement", self::placement(*placement).to_owned()));
    keys.push(("num_threads", num_threads.to_string()));
    keys.push(("max_batch_size", max_batch_size.to_string()));
    keys.push(match batching {
        Batching::WaitTimeout(wait) => ("batch_wait_timeout", time(wait)),
        Batching::LatencySlo(slo) => ("latency_slo", time(slo)),
    });
    keys.extend(self::autoscaling(autoscaling));
    keys.push(("max_queued_requests", max_queued_requests.to_string()));
    keys.push(("ingest_share", format!("{max_queued_ingest} requests")));
    keys.push(("start_timeout", time(start_timeout)));
    keys.push(("batch_timeout", time(batch_timeout)));
    keys.push(("graceful_shutdown_timeout", time(graceful_shutdown_timeout)));
    keys
}

fn backend(backend: &Backend) -> Keys {
    match backend {
        Backend::Onnx { artifact, version, execution } => vec![
            ("artifact", folder(artifact, *version).display().to_string()),
            ("backend", self::kind(execution).to_owned()),
            ("device", execution.to_string()),
            ("precision", execution.precision.name().to_owned()),
            ("version", version.map_or_else(|| "of model.yaml".to_owned(), |n| n.to_string())),
        ],
        Backend::Simulated { base, per_item, fetch } => vec![
            ("backend", "simulated".to_owned()),
            ("simulated.base", time(base)),
            ("simulated.per_item", time(per_item)),
            ("simulated.fetch", fetch.to_string()),
        ],
    }
}

fn kind(execution: &Execution) -> &'static str {
    if execution.has_engine() { "tensorrt" } else { "onnx" }
}

/// The folder as it is written: above the version's own.
fn folder(artifact: &Path, version: Option<u64>) -> &Path {
    artifact.parent().filter(|_| version.is_some()).unwrap_or(artifact)
}

fn placement(placement: Placement) -> &'static str {
    match placement {
        Placement::Thread => "thread",
        Placement::Process => "process",
    }
}

fn autoscaling(autoscaling: &Autoscaling) -> Keys {
    let Autoscaling {
        min_replicas,
        initial_replicas,
        max_replicas,
        target,
        look_back,
        upscale_delay,
        downscale_delay,
        downscale_to_zero_delay,
    } = autoscaling;
    vec![
        ("autoscaling.min_replicas", min_replicas.to_string()),
        ("autoscaling.initial_replicas", initial_replicas.to_string()),
        ("autoscaling.max_replicas", max_replicas.to_string()),
        match target {
            Target::OngoingRequests(target) => {
                ("autoscaling.target_ongoing_requests", target.to_string())
            }
            Target::DrainTime(target) => ("autoscaling.target_drain_time", time(target)),
        },
        ("autoscaling.look_back", time(look_back)),
        ("autoscaling.upscale_delay", time(upscale_delay)),
        ("autoscaling.downscale_delay", time(downscale_delay)),
        ("autoscaling.downscale_to_zero_delay", time(downscale_to_zero_delay)),
    ]
}

/// Of an ingest.
#[must_use]
pub fn ingest(ingest: &Ingest) -> Keys {
    let Ingest {
        number: _,
        brokers,
        security,
        topics,
        group,
        instance_id,
        models,
        record,
        overload,
        max_frame_age,
        start,
        max_in_flight,
        delivery,
        commit_interval,
        dead_letter,
        retries,
        session_timeout,
        metadata_refresh,
    } = ingest;
    let Retries { attempts, backoff } = retries;
    let mut keys = vec![
        ("kafka.topics", topics.join(", ")),
        ("kafka.brokers", brokers.clone()),
        ("kafka.security", self::security(security)),
        ("kafka.group", group.clone()),
        ("models", models.join(", ")),
        ("overload", self::overload(*overload)),
        ("max_frame_age", max_frame_age.as_ref().map_or_else(|| NONE.to_owned(), time)),
        ("start", self::start(*start).to_owned()),
        ("max_in_flight", max_in_flight.to_string()),
        ("delivery", self::delivery(*delivery).to_owned()),
        ("commit_interval", time(commit_interval)),
        ("dead_letter.topic", or_none(dead_letter.as_ref())),
        ("retries.attempts", attempts.to_string()),
        ("retries.backoff", time(backoff)),
        ("group_instance_id", instance_id.as_ref().map_or_else(|| NONE.to_owned(), instance)),
        ("session_timeout", time(session_timeout)),
        ("metadata_refresh", time(metadata_refresh)),
    ];
    keys.extend(self::record(record));
    keys
}

fn record(record: &RecordMap) -> Keys {
    let RecordMap { uri, camera_id, captured_at, sequence, models, uri_prefix } = record;
    vec![
        ("record.uri", selector(uri)),
        ("record.camera_id", selector(camera_id)),
        ("record.captured_at", selector(captured_at)),
        ("record.sequence", selector(sequence)),
        ("record.models", selector(models)),
        ("record.uri_prefix", or_none(Some(uri_prefix).filter(|prefix| !prefix.is_empty()))),
    ]
}

/// Of a sink.
#[must_use]
pub fn sink(sink: &Sink) -> Keys {
    match sink {
        Sink::Jsonl(sink) => {
            let JsonlSink { path, drops, rotate, fsync } = sink;
            vec![
                ("path", path.display().to_string()),
                ("drops", or_none(drops.as_ref().map(|path| path.display()))),
                ("rotate", rotate.as_ref().map_or_else(|| NONE.to_owned(), rotation)),
                ("fsync", self::fsync(*fsync)),
            ]
        }
        Sink::Kafka(sink) => {
            let KafkaSink {
                brokers,
                security,
                topic,
                drops,
                compression,
                linger,
                message_timeout,
                max_message_bytes,
                max_queued_messages,
                max_queued_bytes,
            } = &**sink;
            vec![
                ("topic", topic.clone()),
                ("brokers", brokers.clone()),
                ("security", self::security(security)),
                ("drops", or_none(drops.as_ref())),
                ("compression", compression.name().to_owned()),
                ("linger", time(linger)),
                ("message_timeout", time(message_timeout)),
                ("max_message_bytes", bytes(*max_message_bytes)),
                ("max_queued_messages", max_queued_messages.to_string()),
                ("max_queued_bytes", bytes(*max_queued_bytes)),
            ]
        }
    }
}

fn time(duration: &Duration) -> String {
    show_duration(*duration)
}

fn bytes(count: u64) -> String {
    (BYTES.show)(count)
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

fn security(security: &Security) -> String {
    match security.to_string() {
        plain if plain.is_empty() => NONE.to_owned(),
        secured => secured,
    }
}

fn instance(id: &InstanceId) -> String {
    match id {
        InstanceId::Name(name) => name.clone(),
        InstanceId::Env(variable) => format!("{{ env: {variable} }}"),
    }
}

fn selector(selector: &Selector) -> String {
    match selector {
        Selector::Pointer(text) | Selector::Header(text) => text.clone(),
    }
}

fn overload(overload: Overload) -> String {
    match overload {
        Overload::ProcessAll => "process_all".to_owned(),
        Overload::LatestOnly => "latest_only".to_owned(),
        Overload::EveryNth(n) => format!("{{ every_nth: {n} }}"),
    }
}

fn start(start: Start) -> &'static str {
    match start {
        Start::Committed => "committed",
        Start::Latest => "latest",
        Start::Earliest => "earliest",
    }
}

fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::AtLeastOnce => "at_least_once",
        Delivery::ExactlyOnce => "exactly_once",
    }
}

fn rotation(rotation: &Rotation) -> String {
    let Rotation { size, interval, keep } = rotation;
    let keys = [
        size.map(|size| format!("size: {}", bytes(size))),
        interval.map(|interval| format!("interval: {}", time(&interval))),
        keep.map(|keep| format!("keep: {keep}")),
    ];
    format!("{{ {} }}", keys.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn fsync(fsync: Fsync) -> String {
    match fsync {
        Fsync::Never => "never".to_owned(),
        Fsync::Batch => "batch".to_owned(),
        Fsync::Every(interval) => format!("{{ every: {} }}", time(&interval)),
    }
}
