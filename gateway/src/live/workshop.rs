//! From a resolved policy to its parts: what all of them are made with.

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
use tokio_util::sync::CancellationToken;

use crate::{
    metrics::{PoolMetrics, Registry, bucket_observer},
    policy::{self, Backend, Limits, Model, Place},
    pool::{Machine, Pool, bounds},
};

/// Makes pools and buckets. What it makes them with is the gateway's, whatever its policy.
pub(super) struct Workshop {
    registry: Registry,
    loader: FrameLoader,
    machine: Machine,
    runtime: OnnxRuntime,
    /// What runs a replica in a process of its own.
    program: Arc<Program>,
    /// Ends the pools that it made.
    ending: CancellationToken,
}

impl Workshop {
    pub(super) fn new(limits: &Limits, program: Program, registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            loader: FrameLoader::new(loader_limits(limits)),
            machine: Machine::new(bounds::machine(limits)),
            runtime: OnnxRuntime::default(),
            program: Arc::new(program),
            ending: CancellationToken::new(),
        }
    }

    pub(super) fn loader(&self) -> &FrameLoader {
        &self.loader
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// From now on everything that it made keeps to these.
    pub(super) fn set_limits(&self, limits: &Limits) {
        self.loader.set_limits(loader_limits(limits));
        self.machine.set(bounds::machine(limits));
    }

    /// A pool without replicas, which starts with `initial_replicas`.
    pub(super) fn pool(&self, model: &Model) -> Arc<Pool> {
        self.make_pool(model, self.spec(model), model.autoscaling.initial_replicas)
    }

    /// A pool that is to take the place of another one. It starts with as many replicas as that has
    /// running, so that it serves as much, within its own bounds and those of the machine.
    pub(super) fn successor(&self, model: &Model, of: &Pool) -> Arc<Pool> {
        let mut spec = self.spec(model);
        let (_, sizing) = bounds::limits(model);
        spec.cost = Arc::new(BatchCost::new(sizing).counting_on(&of.spec().cost));
        let scaling = &model.autoscaling;
        let room = self.machine.replicas_alone(bounds::threads(model));
        let initial = of.running_replicas().min(room).max(scaling.initial_replicas);
        self.make_pool(model, spec, initial.min(scaling.max_replicas))
    }

    fn make_pool(&self, model: &Model, spec: ReplicaSpec, initial: u32) -> Arc<Pool> {
        let metrics = PoolMetrics::new(&self.registry, &model.name);
        let ending = self.ending.child_token();
        Arc::new(Pool::new(model.clone(), spec, &self.machine, metrics, initial, ending))
    }

    fn spec(&self, model: &Model) -> ReplicaSpec {
        let (limits, sizing) = bounds::limits(model);
        ReplicaSpec {
            model: model.name.clone(),
            backend: backend(model, &self.runtime),
            placement: match model.placement {
                policy::Placement::Thread => Placement::Thread,
                policy::Placement::Process => Placement::Process(self.program.clone()),
            },
            queue: PoolQueue::new(limits),
            loader: self.loader.clone(),
            cost: Arc::new(BatchCost::new(sizing)),
            start_timeout: model.start_timeout,
            batch_timeout: model.batch_timeout,
            graceful_shutdown_timeout: model.graceful_shutdown_timeout.into(),
            abandoned: Arc::new(Abandoned::default()),
        }
    }

    /// # Errors
    /// The first bucket that cannot be used, and why.
    pub(super) fn buckets(&self, buckets: &[policy::Bucket]) -> anyhow::Result<Buckets> {
        let bucket = |bucket: &policy::Bucket| {
            let name = &bucket.name;
            match &bucket.place {
                Place::Folder(root) => {
                    Ok(Bucket::new(name, &format!("file://{}", root.display()))?)
                }
                Place::S3 { location, options } => {
                    let observer = bucket_observer(&self.registry, name);
                    let objects = S3Bucket::new(location.clone(), options, observer);
                    let unusable = |reason| anyhow!("the bucket {name} cannot be used: {reason}");
                    Ok(Bucket::s3(name, objects.map_err(unusable)?)?)
                }
            }
        };
        let buckets: anyhow::Result<Vec<Bucket>> = buckets.iter().map(bucket).collect();
        Ok(Buckets::new(buckets?)?)
    }
}

fn loader_limits(limits: &Limits) -> LoaderLimits {
    let Limits { frame_bytes, object_bytes, image_width, image_height, image_pixels, .. } = *limits;
    LoaderLimits {
        object_bytes,
        image: ImageLimits { width: image_width, height: image_height, pixels: image_pixels },
        frame_bytes,
        concurrent_fetches: limits.concurrent_fetches,
        concurrent_loads: thread::available_parallelism().map_or(1, NonZero::get),
    }
}

/// A simulated model with `fetch: true` loads frames as a small classifier would.
const SIMULATED_INPUT: InputGeometry = InputGeometry { width: 224, height: 224, fit: Fit::Stretch };

fn backend(model: &Model, runtime: &OnnxRuntime) -> BackendSpec {
    match &model.backend {
        Backend::Onnx { artifact, version, execution } => {
            let folder = Arc::new(ArtifactFolder::new(artifact, *version));
            // Read now, so that entries can wait for the first replica. What cannot be read is read
            // again by each replica that starts, and the failure of the last one is told.
            let _ = folder.read();
            let (runtime, num_threads) = (runtime.clone(), model.num_threads);
            let (execution, max_batch_size) = (execution.clone(), model.max_batch_size);
            BackendSpec::Onnx { runtime, folder, num_threads, execution, max_batch_size }
        }
        Backend::Simulated { base, per_item, fetch } => {
            let input = fetch.then_some(SIMULATED_INPUT);
            let facts = ModelFacts { version: "simulated".into(), input };
            BackendSpec::Simulated { base: *base, per_item: *per_item, facts }
        }
    }
}
