//! Pools as operators see them.

use framegate_batcher::BatchLimits;
use framegate_proto::v1;
use framegate_replica::{Placement, ReplicaState};

use crate::{
    admission::Admission,
    pool::{Pool, PoolHealth, ReplicaView},
};

/// All pools, in the order of the policy.
pub(super) fn pools(admission: &Admission) -> Vec<v1::Pool> {
    admission.routes().pools().iter().map(|known| pool(known)).collect()
}

pub(super) fn pool(pool: &Pool) -> v1::Pool {
    let snapshot = pool.snapshot();
    let demand = pool.decisions().newest().map_or(0.0, |kept| kept.newest_demand);
    let PoolHealth { serving, problem, .. } = pool.health();
    v1::Pool {
        model: pool.name().to_string(),
        queued: count(snapshot.queued),
        ongoing: count(snapshot.ongoing),
        desired_replicas: pool.desired_replicas(),
        replicas: pool.replicas().iter().map(replica).collect(),
        version: pool.spec().facts().map_or_else(String::new, |facts| facts.version.to_string()),
        demand,
        min_replicas: pool.autoscaling().min_replicas,
        max_replicas: pool.autoscaling().max_replicas,
        serving,
        problem,
        counters: Some(counters(pool)),
        batch_limits: Some(batch_limits(pool.queue().batch_limits())),
    }
}

fn batch_limits(limits: BatchLimits) -> v1::BatchLimits {
    v1::BatchLimits {
        max_batch_size: count(limits.max_batch_size),
        batch_wait_timeout: prost_types::Duration::try_from(limits.batch_wait_timeout).ok(),
    }
}

fn counters(pool: &Pool) -> v1::PoolCounters {
    let (tally, executed) = (pool.metrics().tally(), pool.spec().cost.executed());
    let ages = tally.frame_ages();
    v1::PoolCounters {
        results: tally.results(),
        failures: tally.failures().map(|(code, n)| (code.reason().to_owned(), n)).collect(),
        drops: tally.drops().map(|(reason, n)| (reason.name().to_owned(), n)).collect(),
        batches: executed.batches,
        batched_entries: executed.entries,
        frame_age_seconds_sum: ages.sum.as_secs_f64(),
        frame_age_count: ages.count,
    }
}

pub(super) fn replica(ReplicaView { id, placement, status, .. }: &ReplicaView) -> v1::Replica {
    let placement = match placement {
        Placement::Thread => v1::Placement::Thread,
        Placement::Process(_) => v1::Placement::Process,
    };
    let state = match status.state {
        ReplicaState::Starting => v1::ReplicaState::Starting,
        ReplicaState::Running => v1::ReplicaState::Running,
        ReplicaState::Draining => v1::ReplicaState::Draining,
        ReplicaState::Stopped => v1::ReplicaState::Stopped,
        ReplicaState::Failed => v1::ReplicaState::Failed,
    };
    v1::Replica {
        id: id.to_string(),
        state: state.into(),
        placement: placement.into(),
        ongoing: count(status.ongoing),
        process_id: status.process_id.unwrap_or_default(),
        memory_bytes: status.memory.unwrap_or_default(),
        device: status.provider.map_or_else(String::new, |provider| provider.to_string()),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
