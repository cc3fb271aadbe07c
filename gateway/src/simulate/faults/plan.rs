//! What follows from a seed before anything happens: a small world, and how likely what goes wrong.

use std::{ops::RangeInclusive, time::Duration};

use fastrand::Rng;
use framegate_batcher::{BatchLimits, PoolLimits};

use super::fault::Fault;
use crate::policy::{Autoscaling, Retries, Target};

/// A small world.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) models: Vec<ModelPlan>,
    pub(super) cameras: u32,
    /// The priorities that calls have.
    pub(super) priorities: u32,
    pub(super) calls: u32,
    /// Time that a call has, at most.
    pub(super) timeout: Duration,
    /// Records that come to each partition.
    pub(super) records: Vec<u32>,
    pub(super) latest_only: bool,
    pub(super) max_frame_age: Option<Duration>,
    pub(super) exactly_once: bool,
    pub(super) max_in_flight: usize,
    pub(super) commit_interval: Duration,
    pub(super) retries: Retries,
    /// So long load comes and faults fall.
    pub(super) lasts: Duration,
    /// How likely each fault falls at an occasion.
    odds: [f64; Fault::ALL.len()],
}

/// One model and its pool.
#[derive(Debug, Clone)]
pub(super) struct ModelPlan {
    pub(super) limits: PoolLimits,
    pub(super) autoscaling: Autoscaling,
    /// Of a batch, and of each entry in it.
    pub(super) base: Duration,
    pub(super) per_item: Duration,
    /// Until a claimed entry is fetched and decoded, at most.
    pub(super) load: Duration,
    /// Until a replica that starts runs, at most.
    pub(super) start: Duration,
    /// After this time a batch counts as hung.
    pub(super) patience: Duration,
    /// How long a draining replica may finish.
    pub(super) grace: Duration,
}

impl Plan {
    pub(super) fn draw(chance: &mut Rng) -> Self {
        let models = (0..chance.u32(1..=2)).map(|_| ModelPlan::draw(chance)).collect();
        let partitions = chance.u32(1..=3);
        let aged = chance.bool();
        Self {
            models,
            cameras: chance.u32(1..=5),
            priorities: chance.u32(1..=3),
            calls: chance.u32(0..=50),
            timeout: ms(chance, 50..=3000),
            records: (0..partitions).map(|_| chance.u32(0..=25)).collect(),
            latest_only: chance.bool(),
            max_frame_age: aged.then(|| ms(chance, 50..=2000)),
            exactly_once: chance.bool(),
            max_in_flight: chance.usize(1..=30),
            commit_interval: ms(chance, 10..=200),
            retries: Retries { attempts: chance.u32(1..=4), backoff: ms(chance, 1..=50) },
            lasts: ms(chance, 500..=3000),
            odds: Fault::ALL.map(|fault| odds(chance, fault)),
        }
    }

    pub(super) fn odds(&self, fault: Fault) -> f64 {
        self.odds[fault as usize]
    }
}

/// Half of the worlds know nothing of a fault, so that the others are seen without it too.
fn odds(chance: &mut Rng, fault: Fault) -> f64 {
    if chance.bool() { chance.f64() * fault.most() } else { 0.0 }
}

impl ModelPlan {
    fn draw(chance: &mut Rng) -> Self {
        let max_queued = chance.usize(2..=24);
        let batch = BatchLimits {
            max_batch_size: chance.usize(1..=6),
            batch_wait_timeout: ms(chance, 0..=20),
        };
        let max_queued_ingest = chance.usize(1..=max_queued);
        let (base, per_item) = (ms(chance, 1..=30), ms(chance, 0..=10));
        Self {
            limits: PoolLimits { max_queued, max_queued_ingest, batch },
            autoscaling: autoscaling(chance),
            base,
            per_item,
            load: ms(chance, 0..=10),
            start: ms(chance, 0..=100),
            patience: ms(chance, 100..=300),
            grace: ms(chance, 1..=100),
        }
    }

    /// What a batch of so many takes.
    pub(super) fn takes(&self, entries: usize) -> Duration {
        self.base + self.per_item * u32::try_from(entries).unwrap_or(u32::MAX)
    }
}

fn autoscaling(chance: &mut Rng) -> Autoscaling {
    let min_replicas = chance.u32(0..=2);
    let max_replicas = min_replicas + chance.u32(1..=3);
    let downscale_delay = ms(chance, 0..=500);
    Autoscaling {
        min_replicas,
        initial_replicas: chance.u32(min_replicas..=max_replicas),
        max_replicas,
        target: Target::OngoingRequests(f64::from(chance.u32(1..=8))),
        look_back: ms(chance, 1..=200),
        upscale_delay: ms(chance, 0..=100),
        downscale_delay,
        downscale_to_zero_delay: downscale_delay,
    }
}

fn ms(chance: &mut Rng, range: RangeInclusive<u64>) -> Duration {
    Duration::from_millis(chance.u64(range))
}
