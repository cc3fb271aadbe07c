//! What a model's policy allows its pool.

use framegate_batcher::{BatchLimits, PoolLimits, Sizing};

use super::machine::Resources;
use crate::policy::{Backend, Batching, Limits, Model};

/// The bounds of its queue and, under a `latency_slo`, what sizes its batches. Those are executed
/// alone until they are measured.
pub(crate) fn limits(model: &Model) -> (PoolLimits, Option<Sizing>) {
    let max_batch_size = model.max_batch_size;
    let (batch, sizing) = match model.batching {
        Batching::WaitTimeout(batch_wait_timeout) => {
            (BatchLimits { max_batch_size, batch_wait_timeout }, None)
        }
        Batching::LatencySlo(latency_slo) => {
            (BatchLimits::ALONE, Some(Sizing { latency_slo, max_batch_size }))
        }
    };
    let Model { max_queued_requests: max_queued, max_queued_ingest, .. } = *model;
    (PoolLimits { max_queued, max_queued_ingest, batch }, sizing)
}

/// What all replicas may have together.
pub(crate) fn machine(limits: &Limits) -> Resources {
    Resources { threads: limits.replica_threads, memory: limits.replica_memory }
}

/// The machine's threads that one replica takes.
pub(crate) fn threads(model: &Model) -> usize {
    match model.backend {
        Backend::Onnx { .. } => model.num_threads,
        Backend::Simulated { .. } => 0,
    }
}
