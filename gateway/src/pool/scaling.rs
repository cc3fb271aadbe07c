//! The autoscaler's decision: pure, and the only place where a number of replicas is chosen.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::policy::{Autoscaling, Target};

/// A change of less than this part of the target is none, so that demand on the edge between two
/// numbers of replicas does not make them come and go.
const HYSTERESIS: f64 = 0.1;

/// What the decision is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inputs {
    /// When.
    pub now: Instant,
    /// Ongoing requests, averaged over `look_back`.
    pub ongoing: f64,
    /// Entries shed by overload within `look_back`.
    pub shed: f64,
    /// Entries that wait upstream: the capped lag of `process_all` ingests.
    pub waiting: f64,
    /// Measured cost of one entry on one replica, once known.
    pub cost: Option<Duration>,
    /// How many of `max_replicas` the machine allows to this pool, beside what other pools want.
    pub machine_limit: u32,
}

/// A decision with the steps to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// What it was made from.
    pub inputs: Inputs,
    /// Ongoing, shed and waiting entries together.
    pub demand: f64,
    /// How many replicas the demand asks for, before any limit.
    pub raw: f64,
    /// How many there shall be.
    pub desired: u32,
    /// What held it where it is.
    pub bound: Bound,
}

impl Decision {
    /// The whole number of replicas that the demand asks for.
    pub fn raw_replicas(&self) -> u32 {
        // A float above u32::MAX saturates.
        self.raw.ceil() as u32
    }
}

/// What bound a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Nothing: the demand decided.
    Demand,
    /// The demand is too close to what there is.
    Hysteresis,
    /// `min_replicas`.
    MinReplicas,
    /// `max_replicas`.
    MaxReplicas,
    /// The pool's share of `limits.replica_threads` and `limits.replica_memory`.
    Machine,
    /// `upscale_delay` has not passed yet.
    UpscaleDelay,
    /// `downscale_delay` has not passed yet.
    DownscaleDelay,
    /// `downscale_to_zero_delay` has not passed yet.
    DownscaleToZeroDelay,
}

/// Decides how many replicas a pool shall have.
#[derive(Debug)]
pub struct Scaler {
    policy: Autoscaling,
    desired: u32,
    /// As it was at the last decision.
    cost: Option<Duration>,
    /// Since when more replicas are wanted than desired.
    wants_more_since: Option<Instant>,
    /// What was wanted during `downscale_delay`, whatever the machine allows: times rise, numbers
    /// fall, so that the first is the largest.
    recently_wanted: VecDeque<(Instant, u32)>,
    /// Since when none is wanted.
    wants_none_since: Option<Instant>,
}

impl Scaler {
    /// Starts with so many replicas.
    pub fn new(policy: Autoscaling, desired: u32, now: Instant) -> Self {
        let recently_wanted = VecDeque::from([(now, desired)]);
        Self {
            policy,
            desired,
            cost: None,
            wants_more_since: None,
            recently_wanted,
            wants_none_since: None,
        }
    }

    /// Goes by another policy from now on. Its bounds hold at once, its delays for what is wanted
    /// from now on.
    pub fn follow(&mut self, policy: Autoscaling) {
        let within = |number: u32| number.clamp(policy.min_replicas, policy.max_replicas);
        self.desired = within(self.desired);
        self.recently_wanted.iter_mut().for_each(|(_, number)| *number = within(*number));
        self.policy = policy;
    }

    /// How many replicas there shall be, as decided last.
    pub fn desired(&self) -> u32 {
        self.desired
    }

    /// The largest number that was wanted during `downscale_delay`, whatever the machine allows.
    pub fn wanted(&self) -> u32 {
        self.recently_wanted.front().map_or(self.desired, |&(_, number)| number)
    }

    /// Above this many ongoing requests the next decision can want more replicas.
    pub fn next_threshold(&self) -> usize {
        if self.desired >= self.policy.max_replicas {
            return usize::MAX;
        }
        let each = match (self.policy.target, self.cost) {
            (Target::OngoingRequests(target), _) => target,
            (Target::DrainTime(target), Some(cost)) => target.as_secs_f64() / cost.as_secs_f64(),
            // One replica measures first.
            (Target::DrainTime(_), None) => f64::INFINITY,
        };
        // A float above usize::MAX saturates; no replica times infinity is no number, so 0.
        (f64::from(self.desired) * each * (1.0 + HYSTERESIS)).floor() as usize
    }

    /// Decides anew.
    pub fn decide(&mut self, inputs: Inputs) -> Decision {
        self.cost = inputs.cost;
        let demand = inputs.ongoing + inputs.shed + inputs.waiting;
        let raw = self.replicas_for(demand, inputs.cost);
        let (wanted, clamp) = self.clamp(self.settle(raw));
        self.remember(inputs.now, wanted);
        // The minimum is guaranteed when the policy is read.
        let allowed = inputs.machine_limit.max(self.policy.min_replicas);
        let (wanted, clamp) =
            if wanted > allowed { (allowed, Bound::Machine) } else { (wanted, clamp) };
        let bound = if wanted > self.desired {
            self.grow(inputs.now, wanted, clamp)
        } else {
            self.wants_more_since = None;
            self.shrink(inputs.now, wanted, allowed, clamp)
        };
        let bound = match bound {
            Bound::Demand if self.is_held_by_hysteresis(raw) => Bound::Hysteresis,
            bound => bound,
        };
        Decision { inputs, demand, raw, desired: self.desired, bound }
    }

    fn replicas_for(&self, demand: f64, cost: Option<Duration>) -> f64 {
        match (self.policy.target, cost) {
            (Target::OngoingRequests(target), _) => demand / target,
            (Target::DrainTime(target), Some(cost)) => {
                demand * cost.as_secs_f64() / target.as_secs_f64()
            }
            // Before anything was measured, one replica measures.
            (Target::DrainTime(_), None) => demand.min(1.0).max(f64::from(self.desired)),
        }
    }

    /// Rounds up, and stays where it is for a demand within the hysteresis.
    fn settle(&self, raw: f64) -> u32 {
        let current = f64::from(self.desired);
        let lower = (raw * (1.0 + HYSTERESIS)).ceil();
        let settled = if raw > current * (1.0 + HYSTERESIS) {
            raw.ceil()
        } else if lower < current {
            lower
        } else {
            current
        };
        // A float above u32::MAX saturates, and the clamp follows.
        settled as u32
    }

    fn is_held_by_hysteresis(&self, raw: f64) -> bool {
        raw.ceil() as u32 != self.desired
    }

    fn clamp(&self, wanted: u32) -> (u32, Bound) {
        let Autoscaling { min_replicas, max_replicas, .. } = self.policy;
        if wanted < min_replicas {
            (min_replicas, Bound::MinReplicas)
        } else if wanted > max_replicas {
            (max_replicas, Bound::MaxReplicas)
        } else {
            (wanted, Bound::Demand)
        }
    }

    /// Notes what is wanted, and forgets what was before `downscale_delay`.
    fn remember(&mut self, now: Instant, wanted: u32) {
        self.wants_none_since = (wanted == 0).then(|| self.wants_none_since.unwrap_or(now));
        let recent = &mut self.recently_wanted;
        while recent.back().is_some_and(|&(_, number)| number <= wanted) {
            recent.pop_back();
        }
        recent.push_back((now, wanted));
        let delay = self.policy.downscale_delay;
        while recent.len() > 1 && recent.front().is_some_and(|&(at, _)| now >= at + delay) {
            recent.pop_front();
        }
    }

    fn grow(&mut self, now: Instant, wanted: u32, clamp: Bound) -> Bound {
        let since = *self.wants_more_since.get_or_insert(now);
        if now < since + self.policy.upscale_delay {
            return Bound::UpscaleDelay;
        }
        self.wants_more_since = None;
        self.desired = wanted;
        clamp
    }

    fn shrink(&mut self, now: Instant, wanted: u32, allowed: u32, clamp: Bound) -> Bound {
        let none_since = self.wants_none_since;
        let idle =
            none_since.is_some_and(|since| now >= since + self.policy.downscale_to_zero_delay);
        let least = match (self.desired, idle) {
            // The last one has a delay of its own.
            (0 | 1, true) => 0,
            (_, true) => self.wanted(),
            (_, false) => self.wanted().max(1),
        };
        self.desired = self.desired.min(least).min(allowed);
        match (wanted, self.desired) {
            (0, 1) => Bound::DownscaleToZeroDelay,
            (wanted, desired) if wanted < desired => Bound::DownscaleDelay,
            _ => clamp,
        }
    }
}

#[cfg(test)]
mod tests;
