//! From a resolved policy to its parts.

use std::{num::NonZero, sync::Arc, thread};

use anyhow::{Context, anyhow};
use framegate_batcher::{PoolLimits, PoolQueue};
use framegate_replica::{
    Artifact, BatchCost, ReplicaSpec,
    backend::{BackendSpec, OnnxRuntime},
    frame::{
        Bucket, Buckets, Fit, FrameLoader, ImageLimits, InputGeometry, LoaderLimits, S3Bucket,
    },
};

use crate::{
    metrics::{PoolMetrics, Registry, bucket_observer},
    policy::{self, Backend, Limits, Model, Place, Policy},
    pool::{MachineThreads, Pool},
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
    loader: &FrameLoader,
    registry: &Registry,
) -> anyhow::Result<Vec<Arc<Pool>>> {
    let machine = MachineThreads::new(policy.limits.replica_threads);
    let needs_onnx = |model: &Model| matches!(model.backend, Backend::Onnx { .. });
    let runtime = policy.models.iter().any(needs_onnx).then(OnnxRuntime::load).transpose()?;
    let pool = |model: &Model| {
        let spec = replica_spec(model, runtime.as_ref(), loader)
            .with_context(|| format!("models.{}", model.name))?;
        let metrics = PoolMetrics::new(registry, &model.name);
        Ok(Arc::new(Pool::new(model.clone(), spec, machine.clone(), metrics)))
    };
    policy.models.iter().map(pool).collect()
}

fn replica_spec(
    model: &Model,
    runtime: Option<&OnnxRuntime>,
    loader: &FrameLoader,
) -> anyhow::Result<ReplicaSpec> {
    let (backend, input, version) = backend(model, runtime)?;
    let limits = PoolLimits {
        max_queued: model.max_queued_requests,
        max_queued_ingest: model.max_queued_ingest,
        max_batch_size: model.max_batch_size,
        batch_wait_timeout: model.batch_wait_timeout,
    };
    Ok(ReplicaSpec {
        model: model.name.clone(),
        version,
        backend,
        input,
        queue: PoolQueue::new(limits),
        limits,
        loader: loader.clone(),
        cost: Arc::new(BatchCost::default()),
        graceful_shutdown_timeout: model.graceful_shutdown_timeout,
    })
}

/// A simulated model with `fetch: true` loads frames as a small classifier would.
const SIMULATED_INPUT: InputGeometry = InputGeometry { width: 224, height: 224, fit: Fit::Stretch };

fn backend(
    model: &Model,
    runtime: Option<&OnnxRuntime>,
) -> anyhow::Result<(BackendSpec, Option<InputGeometry>, Arc<str>)> {
    match &model.backend {
        Backend::Onnx { artifact } => {
            let artifact = Arc::new(Artifact::read(artifact)?);
            let (input, version) = (artifact.input.geometry, artifact.version.clone());
            let runtime = runtime.context("ONNX Runtime is not loaded")?.clone();
            let num_threads = model.num_threads;
            Ok((BackendSpec::Onnx { runtime, artifact, num_threads }, Some(input), version))
        }
        Backend::Simulated { base, per_item, fetch } => {
            let backend = BackendSpec::Simulated { base: *base, per_item: *per_item };
            Ok((backend, fetch.then_some(SIMULATED_INPUT), "simulated".into()))
        }
    }
}
