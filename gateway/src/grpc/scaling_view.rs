//! Decisions of an autoscaler as operators see them.

use framegate_proto::v1::{ScalingBound, ScalingDecision};

use crate::{
    policy::Autoscaling,
    pool::{KeptDecision, Pool, explain, scaling::Bound},
};

/// At most `most` of the pool's latest decisions, newest first.
pub(super) fn decisions(pool: &Pool, most: usize) -> Vec<ScalingDecision> {
    let kept = pool.decisions().latest(most);
    kept.iter().map(|kept| decision(kept, &pool.autoscaling())).collect()
}

fn decision(kept: &KeptDecision, policy: &Autoscaling) -> ScalingDecision {
    let made = &kept.decision;
    let cost = made.inputs.cost.map(prost_types::Duration::try_from);
    ScalingDecision {
        time: Some(kept.time.into()),
        repeated_times: kept.times,
        last_time: Some(kept.last_time.into()),
        ongoing: made.inputs.ongoing,
        shed: made.inputs.shed,
        waiting: made.inputs.waiting,
        cost_per_entry: cost.and_then(Result::ok),
        machine_limit: made.inputs.machine_limit,
        replicas_starting: kept.replicas.starting,
        replicas_running: kept.replicas.running,
        demand: made.demand,
        raw_replicas: made.raw_replicas(),
        desired_replicas: made.desired,
        bound: bound(made.bound).into(),
        explanation: explain(made, policy),
    }
}

fn bound(bound: Bound) -> ScalingBound {
    match bound {
        Bound::Demand => ScalingBound::None,
        Bound::Hysteresis => ScalingBound::Hysteresis,
        Bound::MinReplicas => ScalingBound::MinReplicas,
        Bound::MaxReplicas => ScalingBound::MaxReplicas,
        Bound::Machine => ScalingBound::Machine,
        Bound::UpscaleDelay => ScalingBound::UpscaleDelay,
        Bound::DownscaleDelay => ScalingBound::DownscaleDelay,
        Bound::DownscaleToZeroDelay => ScalingBound::DownscaleToZeroDelay,
    }
}
