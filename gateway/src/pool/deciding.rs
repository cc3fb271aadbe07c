//! From readings of a pool to decisions: the scaler with what it remembers of the readings before.
//! Pure.

use std::time::Duration;

use framegate_batcher::Turnover;
use tokio::time::Instant;

use super::{
    look_back::LookBack,
    scaling::{Decision, Inputs, Scaler},
    shed::Shed,
};
use crate::policy::{Autoscaling, Target};

/// How often the autoscaler decides.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);
/// How soon it decides again at the earliest, when the queue crosses the next replica's threshold.
pub(crate) const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

/// Decides how many replicas a pool has.
#[derive(Debug)]
pub(crate) struct Deciding {
    scaler: Scaler,
    look_back: LookBack,
    shed: Shed,
    target: Target,
    policy: Autoscaling,
}

/// What is read of a pool for a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) now: Instant,
    /// Entries that are ongoing.
    pub(crate) ongoing: usize,
    /// Their integral over time.
    pub(crate) ongoing_area: f64,
    pub(crate) turnover: Turnover,
    /// What one entry costs a replica, once that is known.
    pub(crate) cost: Option<Duration>,
    /// Entries that wait upstream.
    pub(crate) waiting: f64,
    pub(crate) machine_limit: u32,
}

impl Deciding {
    /// Starts with `initial_replicas`.
    pub(crate) fn new(policy: Autoscaling, now: Instant) -> Self {
        Self::starting_with(policy, policy.initial_replicas, now)
    }

    /// Starts with so many replicas, within the policy's bounds.
    pub(crate) fn starting_with(policy: Autoscaling, replicas: u32, now: Instant) -> Self {
        Self {
            scaler: Scaler::new(policy, replicas, now),
            look_back: LookBack::new(policy.look_back),
            shed: Shed::new(policy.look_back),
            target: policy.target,
            policy,
        }
    }

    /// Goes by this policy from now on, if it is another one.
    pub(crate) fn follow(&mut self, policy: Autoscaling) {
        if policy == self.policy {
            return;
        }
        self.scaler.follow(policy);
        self.look_back = LookBack::new(policy.look_back);
        self.shed = Shed::new(policy.look_back);
        (self.target, self.policy) = (policy.target, policy);
    }

    /// How many replicas there shall be.
    pub(crate) fn desired(&self) -> u32 {
        self.scaler.desired()
    }

    /// How many the pool wants, whatever the machine allows.
    pub(crate) fn wanted(&self) -> u32 {
        self.scaler.wanted()
    }

    /// Above this many ongoing requests it is to decide at once.
    pub(crate) fn next_threshold(&self) -> usize {
        self.scaler.next_threshold()
    }

    pub(crate) fn decide(&mut self, reading: Reading) -> Decision {
        let Reading { now, cost, waiting, machine_limit, turnover, .. } = reading;
        let ongoing = self.look_back.average(now, reading.ongoing_area, reading.ongoing);
        let shed = self.shed.demand(now, turnover, ongoing, self.target, cost);
        self.scaler.decide(Inputs { now, ongoing, shed, waiting, cost, machine_limit })
    }
}
