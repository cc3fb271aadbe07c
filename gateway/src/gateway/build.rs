//! From a resolved policy to its parts.

use std::{num::NonZero, sync::Arc, thread};

use framegate_batcher::{PoolLimits, PoolQueue};
use framegate_replica::{
    ArtifactFolder, BatchCost, ReplicaSpec,
    backend::{BackendSpec, ModelFacts, OnnxRuntime},
    frame::{
        Bucket, BucketError, Buckets, Fit, FrameLoader, ImageLimits, InputGeometry, LoaderLimits,
    },
};

use crate::{
    metrics::{PoolMetrics, Registry},
    policy::{self, Backend, Limits, Model, Policy},
    pool::{MachineThreads, Pool},
};

pub(super) fn buckets(policy: &Policy) -> Result<Buckets, BucketError> {
    let bucket = |bucket: &policy::Bucket| {
        Bucket::new(&bucket.name, &format!("file://{}", bucket.root.display()))
    };
    Buckets::new(policy.buckets.iter().map(bucket).collect::<Result<_, _>>()?)
}

pub(super) fn loader(policy: &Policy) -> FrameLoader {
    let Limits { frame_bytes, object_bytes, image_width, image_height, image_pixels, .. } =
        policy.limits;
    FrameLoader::new(LoaderLimits {
        object_bytes,
        image: ImageLimits { width: image_width, height: image_height, pixels: image_pixels },
        frame_bytes,
        concurrent_loads: thread::available_parallelism().map_or(1, NonZero::get),
    })
}

pub(super) fn pools(policy: &Policy, loader: &FrameLoader, registry: &Registry) -> Vec<Arc<Pool>> {
    let machine = MachineThreads::new(policy.limits.replica_threads);
    let runtime = OnnxRuntime::default();
    let pool = |model: &Model| {
        let spec = replica_spec(model, &runtime, loader);
        let metrics = PoolMetrics::new(registry, &model.name);
        Arc::new(Pool::new(model.clone(), spec, machine.clone(), metrics))
    };
    policy.models.iter().map(pool).collect()
}

fn replica_spec(model: &Model, runtime: &OnnxRuntime, loader: &FrameLoader) -> ReplicaSpec {
    let limits = PoolLimits {
        max_queued: model.max_queued_requests,
        max_queued_ingest: model.max_queued_ingest,
        max_batch_size: model.max_batch_size,
        batch_wait_timeout: model.batch_wait_timeout,
    };
    ReplicaSpec {
        model: model.name.clone(),
        backend: backend(model, runtime),
        queue: PoolQueue::new(limits),
        limits,
        loader: loader.clone(),
        cost: Arc::new(BatchCost::default()),
        graceful_shutdown_timeout: model.graceful_shutdown_timeout,
    }
}

/// A simulated model with `fetch: true` loads frames as a small classifier would.
const SIMULATED_INPUT: InputGeometry = InputGeometry { width: 224, height: 224, fit: Fit::Stretch };

fn backend(model: &Model, runtime: &OnnxRuntime) -> BackendSpec {
    match &model.backend {
        Backend::Onnx { artifact } => {
            let folder = Arc::new(ArtifactFolder::new(artifact));
            // Read now, so that entries can wait for the first replica. What cannot be read is read
            // again by each replica that starts, and the failure of the last one is told.
            let _ = folder.read();
            let (runtime, num_threads) = (runtime.clone(), model.num_threads);
            BackendSpec::Onnx { runtime, folder, num_threads }
        }
        Backend::Simulated { base, per_item, fetch } => {
            let input = fetch.then_some(SIMULATED_INPUT);
            let facts = ModelFacts { version: "simulated".into(), input };
            BackendSpec::Simulated { base: *base, per_item: *per_item, facts }
        }
    }
}
