//! The keys of `models:`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::Text;
use crate::policy::{autoscaling, model, paths, version};

/// A model and its pool.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawModel {
    /// The folder with `model.onnx` and `model.yaml`, or with versions of them in folders that are numbers, as in
    /// `detector/3/model.onnx`. The onnx backend needs it.
    #[schemars(transform = paths::PATH.form())]
    pub artifact: Option<Text>,
    /// Which of the versions in the folder is served.
    #[schemars(transform = version::VERSION.form())]
    pub version: Option<Text>,
    /// What executes its batches.
    #[schemars(extend("default" = RawBackend::default()))]
    pub backend: Option<RawBackend>,
    #[schemars(with = "Option<RawSimulated>")]
    pub simulated: Option<Spanned<RawSimulated>>,
    /// What its replicas compute on. `backend: tensorrt` is for `cuda`, which is its default.
    #[schemars(extend("default" = RawDevice::default()))]
    pub device: Option<RawDevice>,
    /// What is tried where the device or backend cannot be had on a machine, one after another. Without it the model is
    /// not served there, and its pool says what is missing.
    #[schemars(with = "Option<Vec<RawFallback>>")]
    pub fallback: Option<Spanned<Vec<RawFallback>>>,
    /// In which numbers an engine of TensorRT computes, `fp32` if it is not written; only with `backend: tensorrt`.
    #[schemars(with = "Option<RawPrecision>")]
    pub precision: Option<Spanned<RawPrecision>>,
    /// Where its replicas run. The default of a model on `cuda` is `process`: an error of a device often leaves its process
    /// unable to use it any more.
    #[schemars(extend("default" = RawPlacement::default()))]
    pub placement: Option<RawPlacement>,
    /// Threads that one replica computes with; at most `limits.replica_threads`.
    #[schemars(transform = model::NUM_THREADS.form())]
    pub num_threads: Option<Text>,
    /// Entries in a batch at most; at most `max_queued_requests`.
    #[schemars(transform = model::MAX_BATCH_SIZE.form())]
    pub max_batch_size: Option<Text>,
    /// How long a batch that is not full waits for more entries. Shorter than `server.default_timeout`, and than the
    /// `max_frame_age` of every ingest that feeds the model.
    #[schemars(transform = model::BATCH_WAIT_TIMEOUT.form())]
    pub batch_wait_timeout: Option<Text>,
    /// Instead: how long an answer may take, from the request or record to the result. The size of batches, at most
    /// `max_batch_size`, and their wait follow from what they cost as measured; where batches do not pay, there are none.
    #[schemars(transform = model::LATENCY_SLO.form())]
    pub latency_slo: Option<Text>,
    pub autoscaling: Option<RawAutoscaling>,
    /// Entries that may wait in the pool's queue; more are refused with QUEUE_FULL.
    #[schemars(transform = model::MAX_QUEUED_REQUESTS.form())]
    pub max_queued_requests: Option<Text>,
    /// The share of `max_queued_requests` that ingest may hold, so that Kafka never shuts gRPC out.
    #[schemars(transform = model::INGEST_SHARE.form())]
    pub ingest_share: Option<Text>,
    /// How long a replica may take to open its model.
    #[schemars(transform = model::START_TIMEOUT.form())]
    pub start_timeout: Option<Text>,
    /// How long a batch may be executed before its replica is taken to hang: a process is killed and replaced, a thread
    /// is given up. Longer than any batch takes.
    #[schemars(transform = model::BATCH_TIMEOUT.form())]
    pub batch_timeout: Option<Text>,
    /// How long a draining replica may take to finish what it has begun.
    #[schemars(transform = model::GRACEFUL_SHUTDOWN_TIMEOUT.form())]
    pub graceful_shutdown_timeout: Option<Text>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawBackend {
    /// ONNX Runtime.
    #[default]
    Onnx,
    /// An engine that TensorRT builds of the model, by ONNX Runtime; what it does not take goes to CUDA. Building takes up to
    /// minutes, once for each model, precision, largest batch and kind of device.
    Tensorrt,
    /// A device that only takes time and answers a fixed classification, for load tests.
    Simulated,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawDevice {
    /// The machine's processor.
    #[default]
    Cpu,
    /// A GPU of NVIDIA.
    Cuda,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawFallback {
    /// A GPU of NVIDIA without TensorRT.
    Cuda,
    /// The machine's processor.
    Cpu,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawPrecision {
    /// 32 bits, as the model is written.
    #[default]
    Fp32,
    /// 16 bits where that is faster.
    Fp16,
    /// 8 bits. The model is quantised, or its folder holds `calibration.flatbuffers`.
    Int8,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawPlacement {
    /// A thread of the gateway's process: the least memory, and no copy of the inputs. A backend that crashes ends
    /// the gateway, and one that hangs cannot be ended.
    #[default]
    Thread,
    /// A process of its own, which may crash, hang or be killed at the cost of no request.
    Process,
}

/// A device that takes `base + per_item × n` for a batch of n entries; only with `backend: simulated`, which needs it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawSimulated {
    /// Time of a batch.
    #[schemars(transform = model::SIMULATED_TIME.form())]
    pub base: Text,
    /// Time of each entry in it.
    #[schemars(transform = model::SIMULATED_TIME.form())]
    pub per_item: Text,
    /// Whether frames are fetched and decoded first.
    #[schemars(extend("default" = model::SIMULATED_FETCH))]
    pub fetch: Option<bool>,
}

/// How many replicas a model has: `min_replicas` ≤ `initial_replicas` ≤ `max_replicas`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawAutoscaling {
    /// The fewest replicas; 0 scales to zero.
    #[schemars(transform = autoscaling::MIN_REPLICAS.form())]
    pub min_replicas: Option<Text>,
    /// Replicas to start with.
    #[schemars(transform = autoscaling::INITIAL_REPLICAS.form())]
    pub initial_replicas: Option<Text>,
    /// The most replicas.
    #[schemars(transform = autoscaling::MAX_REPLICAS.form())]
    pub max_replicas: Option<Text>,
    /// How many ongoing requests (queued, claimed or executing) one replica is meant to have.
    #[schemars(transform = autoscaling::TARGET_ONGOING_REQUESTS.form())]
    pub target_ongoing_requests: Option<Text>,
    /// Instead: one replica is meant to have as much as it finishes in this time, as its cost is measured. With
    /// `latency_slo`, half of that is the default, and not `target_ongoing_requests`.
    #[schemars(transform = autoscaling::TARGET_DRAIN_TIME.form())]
    pub target_drain_time: Option<Text>,
    /// Over how long demand is averaged.
    #[schemars(transform = autoscaling::LOOK_BACK.form())]
    pub look_back: Option<Text>,
    /// How long more replicas must be wanted before they start.
    #[schemars(transform = autoscaling::UPSCALE_DELAY.form())]
    pub upscale_delay: Option<Text>,
    /// How long fewer replicas must be wanted before some stop.
    #[schemars(transform = autoscaling::DOWNSCALE_DELAY.form())]
    pub downscale_delay: Option<Text>,
    /// How long none must be wanted before the last one stops; only with `min_replicas: 0`.
    #[schemars(transform = autoscaling::DOWNSCALE_TO_ZERO_DELAY.form())]
    pub downscale_to_zero_delay: Option<Text>,
}
