//! From a resolved policy to its parts.

use std::{num::NonZero, sync::Arc, thread};

use anyhow::anyhow;
use framegate_batcher::PoolQueue;
use framegate_replica::{
    Abandoned, ArtifactFolder, BatchCost, Placement, Program, ReplicaSpec,
    backend::{BackendSpec, ModelFacts, OnnxRuntime},
    frame::{
        Bucket, Buckets, Fit, FrameLoader, ImageLimits, InputGeometry, LoaderLimits, S3Bucket,
    },
};

use crate::{
    metrics::{PoolMetrics, Registry, bucket_observer},
    policy::{self, Backend, Limits, Model, Place, Policy},
    pool::{MachineThreads, Pool, bounds},
};

pub(super) fn buckets(policy: &Policy, registry: &Registry) -> anyhow::Result<Buckets> {
    let bucket = |bucket: &policy::Bucket| {
        let name = &bucket.name;
        match &bucket.place {
            Place::Folder(root) => Ok(Bucket::new(name, &format!("file://{}", root.display()))?),
            Place::S3 { location, options } => {
                let observer = bucket_observer(registry, name);
                let objects = S3Bucket::new(location.clone(), options, observer);
                let objects =
                    objects.map_err(|reason| anyhow!("the bucket {name} cannot be used: {reason}"));
                Ok(Bucket::s3(name, objects?)?)
            }
        }
    };
    let buckets: anyhow::Result<Vec<Bucket>> = policy.buckets.iter().map(bucket).collect();
    Ok(Buckets::new(buckets?)?)
}

pub(super) fn loader(policy: &Policy) -> FrameLoader {
    let Limits { frame_bytes, object_bytes, image_width, image_height, image_pixels, .. } =
        policy.limits;
    FrameLoader::new(LoaderLimits {
        object_bytes,
        image: ImageLimits { width: image_width, height: image_height, pixels: image_pixels },
        frame_bytes,
        concurrent_fetches: policy.limits.concurrent_fetches,
        concurrent_loads: thread::available_parallelism().map_or(1, NonZero::get),
    })
}

pub(super) fn pools(
    policy: &Policy,
    program: &Arc<Program>,
    loader: &FrameLoader,
    registry: &Registry,
) -> Vec<Arc<Pool>> {
    let machine = MachineThreads::new(policy.limits.replica_threads);
    let runtime = OnnxRuntime::default();
    let pool = |model: &Model| {
        let spec = replica_spec(model, program, &runtime, loader);
        let metrics = PoolMetrics::new(registry, &model.name);
        Arc::new(Pool::new(model.clone(), spec, machine.clone(), metrics))
    };
    policy.models.iter().map(pool).collect()
}

fn replica_spec(
    model: &Model,
    program: &Arc<Program>,
    runtime: &OnnxRuntime,
    loader: &FrameLoader,
) -> ReplicaSpec {
    let (limits, sizing) = bounds::limits(model);
    ReplicaSpec {
        model: model.name.clone(),
        backend: backend(model, runtime),
        placement: match model.placement {
            policy::Placement::Thread => Placement::Thread,
            policy::Placement::Process => Placement::Process(program.clone()),
        },
        queue: PoolQueue::new(limits),
        loader: loader.clone(),
        cost: Arc::new(BatchCost::new(sizing)),
        start_timeout: model.start_timeout,
        batch_timeout: model.batch_timeout,
        graceful_shutdown_timeout: model.graceful_shutdown_timeout,
        abandoned: Arc::new(Abandoned::default()),
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
