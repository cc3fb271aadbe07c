//! The latest decisions of an autoscaler, for who asks why. Pure.

use std::{collections::VecDeque, time::SystemTime};

use framegate_replica::ReplicaState;

use super::{replicas::ReplicaView, scaling::Decision};

/// A ring of the last [`KEPT`] decisions, in which equal ones that follow one another are one.
///
/// A decision *equals* the one before it when the same number of replicas is desired, the same
/// thing bound it, the machine's limit and the replicas starting and running are the same, and the
/// demand asks for about the same number of replicas: within one, or a tenth, of what the first of
/// them asked for. So a steady state takes one place however long it lasts and however its demand
/// trembles, while every change that made or could have made a difference is kept.
#[derive(Debug, Default)]
pub struct Decisions {
    /// Newest last.
    ring: VecDeque<KeptDecision>,
}

/// Equal decisions that followed one another.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptDecision {
    /// The first of them.
    pub decision: Decision,
    /// The replicas there were when it was made.
    pub replicas: ReplicaCounts,
    /// When it was made.
    pub time: SystemTime,
    /// When the last of them was made.
    pub last_time: SystemTime,
    /// How many they are.
    pub times: u32,
    /// The demand of the last of them.
    pub newest_demand: f64,
}

/// How many replicas of a pool are in the states that matter for scaling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplicaCounts {
    /// Loading their model.
    pub starting: u32,
    /// Pulling entries.
    pub running: u32,
}

/// How many decisions are kept.
pub const KEPT: usize = 256;

impl Decisions {
    /// Keeps a decision made at `time`.
    pub fn keep(&mut self, decision: Decision, replicas: ReplicaCounts, time: SystemTime) {
        if let Some(last) = self.ring.back_mut()
            && last.equals(&decision, replicas)
        {
            last.times = last.times.saturating_add(1);
            last.last_time = time;
            last.newest_demand = decision.demand;
            return;
        }
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        let newest_demand = decision.demand;
        let kept =
            KeptDecision { decision, replicas, time, last_time: time, times: 1, newest_demand };
        self.ring.push_back(kept);
    }

    /// The newest; absent before the first.
    pub fn newest(&self) -> Option<&KeptDecision> {
        self.ring.back()
    }

    /// At most `most` of them, newest first.
    pub fn latest(&self, most: usize) -> Vec<KeptDecision> {
        self.ring.iter().rev().take(most).cloned().collect()
    }
}

impl KeptDecision {
    fn equals(&self, other: &Decision, replicas: ReplicaCounts) -> bool {
        let first = &self.decision;
        let (asked, asks) = (first.raw_replicas(), other.raw_replicas());
        first.desired == other.desired
            && first.bound == other.bound
            && first.inputs.machine_limit == other.inputs.machine_limit
            && self.replicas == replicas
            && asked.abs_diff(asks) <= (asked / 10).max(1)
    }
}

impl ReplicaCounts {
    /// Counts them.
    pub fn of(replicas: &[ReplicaView]) -> Self {
        let count = |state| {
            let count = replicas.iter().filter(|replica| replica.status.state == state).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        Self { starting: count(ReplicaState::Starting), running: count(ReplicaState::Running) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{
        super::scaling::{Bound, Inputs},
        *,
    };

    const ONE: ReplicaCounts = ReplicaCounts { starting: 0, running: 1 };

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn decision(raw: f64, desired: u32) -> Decision {
        let (ongoing, now) = (raw * 16.0, Instant::now());
        let inputs = Inputs { now, ongoing, shed: 0.0, waiting: 0.0, cost: None, machine_limit: 8 };
        Decision { inputs, demand: ongoing, raw, desired, bound: Bound::Demand }
    }

    fn times(decisions: &Decisions) -> Vec<u32> {
        decisions.latest(KEPT).iter().map(|kept| kept.times).collect()
    }

    #[test]
    fn a_trembling_steady_state_takes_one_place() {
        let mut decisions = Decisions::default();
        for second in 0..1000 {
            decisions.keep(decision(3.9 + (second % 5) as f64 * 0.2, 4), ONE, at(second));
        }
        let [kept] = &decisions.latest(9)[..] else { panic!("one place") };
        assert_eq!((kept.times, kept.time, kept.last_time), (1000, at(0), at(999)));
        assert_eq!(kept.decision.raw, 3.9);
    }

    #[test]
    fn whatever_makes_a_difference_is_kept() {
        let mut decisions = Decisions::default();
        let bound = Decision { bound: Bound::MaxReplicas, ..decision(1.0, 1) };
        let mut limited = bound;
        limited.inputs.machine_limit = 3;
        let mut busy = limited;
        busy.raw = 3.0;
        let running = ReplicaCounts { running: 2, ..ONE };
        let starting = ReplicaCounts { starting: 1, ..running };
        let made = [(decision(1.0, 1), ONE), (decision(1.0, 2), ONE), (bound, ONE)];
        let more = [(limited, ONE), (busy, ONE), (busy, running), (busy, starting)];
        for (decision, replicas) in made.into_iter().chain(more) {
            decisions.keep(decision, replicas, at(1));
            decisions.keep(decision, replicas, at(2));
        }
        assert_eq!(times(&decisions), [2; 7]);
    }

    #[test]
    fn a_slow_drift_is_seen() {
        let mut decisions = Decisions::default();
        // Each step is small, but they are compared with the first.
        (0..100).for_each(|step| decisions.keep(decision(f64::from(step) + 1.0, 8), ONE, at(0)));
        assert!(times(&decisions).len() > 10);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut decisions = Decisions::default();
        (0..1000).for_each(|desired| decisions.keep(decision(1.0, desired), ONE, at(0)));
        let latest = decisions.latest(usize::MAX);
        assert_eq!(latest.len(), KEPT);
        assert_eq!((latest[0].decision.desired, latest[255].decision.desired), (999, 744));
        assert_eq!(decisions.latest(2).len(), 2);
    }
}
