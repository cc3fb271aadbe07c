//! A decision in words. Pure.

use super::scaling::{Bound, Decision};
use crate::policy::{Autoscaling, Target};

/// The steps of a decision, such as "demand 37.2 (ongoing 30.1 + shed 5.0 + waiting 2.1) / target
/// 16 = 2.3 → 3 replicas; held at 2 by the pool's share of limits.replica_threads and replica_memory".
pub fn explain(decision: &Decision, policy: &Autoscaling) -> String {
    let inputs = &decision.inputs;
    let terms = [("ongoing", inputs.ongoing), ("shed", inputs.shed), ("waiting", inputs.waiting)];
    let sum = terms.map(|(name, entries)| format!("{name} {entries:.1}")).join(" + ");
    let steps = format!("demand {:.1} ({sum}){}", decision.demand, division(decision, policy));
    match limit(decision, policy) {
        Some(limit) => format!("{steps}; {limit}"),
        None => steps,
    }
}

/// From the demand to a number of replicas.
fn division(decision: &Decision, policy: &Autoscaling) -> String {
    let (raw, wanted) = (decision.raw, replicas(decision.raw_replicas()));
    match (policy.target, decision.inputs.cost) {
        (Target::OngoingRequests(target), _) => format!(" / target {target} = {raw:.1} → {wanted}"),
        (Target::DrainTime(target), Some(cost)) => {
            format!(" × {cost:.1?} each / target_drain_time {target:?} = {raw:.1} → {wanted}")
        }
        (Target::DrainTime(_), None) => {
            format!(", of unknown cost before the first batch → {wanted}")
        }
    }
}

/// What kept the decision from that number.
fn limit(decision: &Decision, policy: &Autoscaling) -> Option<String> {
    let desired = decision.desired;
    Some(match decision.bound {
        Bound::Demand => return None,
        Bound::Hysteresis => format!("kept at {desired}, the difference is below 10 %"),
        Bound::MinReplicas => format!("raised to {desired} by min_replicas"),
        Bound::MaxReplicas => format!("held at {desired} by max_replicas"),
        Bound::Machine => {
            format!(
                "held at {desired} by the pool's share of limits.replica_threads and replica_memory"
            )
        }
        Bound::UpscaleDelay => {
            format!("kept at {desired} until upscale_delay ({:?}) has passed", policy.upscale_delay)
        }
        Bound::DownscaleToZeroDelay => format!(
            "kept at {desired} until downscale_to_zero_delay ({:?}) has passed",
            policy.downscale_to_zero_delay
        ),
        Bound::DownscaleDelay => format!(
            "kept at {desired}, the most that was wanted within downscale_delay ({:?})",
            policy.downscale_delay
        ),
    })
}

fn replicas(number: u32) -> String {
    format!("{number} replica{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{super::scaling::Inputs, *};

    const POLICY: Autoscaling = Autoscaling {
        min_replicas: 1,
        initial_replicas: 1,
        max_replicas: 10,
        target: Target::OngoingRequests(16.0),
        look_back: Duration::from_millis(200),
        upscale_delay: Duration::from_millis(500),
        downscale_delay: Duration::from_secs(60),
        downscale_to_zero_delay: Duration::from_secs(300),
    };

    fn decision(
        [ongoing, shed, waiting]: [f64; 3],
        raw: f64,
        desired: u32,
        bound: Bound,
    ) -> Decision {
        let cost = Some(Duration::from_millis(50));
        let inputs = Inputs { now: Instant::now(), ongoing, shed, waiting, cost, machine_limit: 2 };
        Decision { inputs, demand: ongoing + shed + waiting, raw, desired, bound }
    }

    #[test]
    fn every_bound_is_told_in_words() {
        let table = [
            (Bound::Demand, 3, ""),
            (Bound::Hysteresis, 2, "; kept at 2, the difference is below 10 %"),
            (Bound::MinReplicas, 4, "; raised to 4 by min_replicas"),
            (Bound::MaxReplicas, 2, "; held at 2 by max_replicas"),
            (
                Bound::Machine,
                2,
                "; held at 2 by the pool's share of limits.replica_threads and replica_memory",
            ),
            (Bound::UpscaleDelay, 1, "; kept at 1 until upscale_delay (500ms) has passed"),
            (
                Bound::DownscaleToZeroDelay,
                1,
                "; kept at 1 until downscale_to_zero_delay (300s) has passed",
            ),
            (
                Bound::DownscaleDelay,
                8,
                "; kept at 8, the most that was wanted within downscale_delay (60s)",
            ),
        ];
        let steps =
            "demand 37.2 (ongoing 30.1 + shed 5.0 + waiting 2.1) / target 16 = 2.3 → 3 replicas";
        for (bound, desired, limit) in table {
            let decision = decision([30.1, 5.0, 2.1], 2.325, desired, bound);
            assert_eq!(explain(&decision, &POLICY), format!("{steps}{limit}"), "{bound:?}");
        }
    }

    #[test]
    fn a_drain_time_is_told_with_the_cost() {
        let target = Target::DrainTime(Duration::from_millis(200));
        let policy = Autoscaling { target, ..POLICY };
        let mut decision = decision([4.0, 0.0, 0.0], 1.0, 1, Bound::Demand);
        let sum = "demand 4.0 (ongoing 4.0 + shed 0.0 + waiting 0.0)";
        assert_eq!(
            explain(&decision, &policy),
            format!("{sum} × 50.0ms each / target_drain_time 200ms = 1.0 → 1 replica")
        );
        decision.inputs.cost = None;
        assert_eq!(
            explain(&decision, &policy),
            format!("{sum}, of unknown cost before the first batch → 1 replica")
        );
    }
}
