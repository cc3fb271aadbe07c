//! `framegate simulate --faults`: small worlds in which much goes wrong, each from a seed.
//!
//! The queue, the desks, the autoscaler, and of the ingest the tracker, the verdicts, the gate and
//! the hold-back are those that serve. What is simulated is all around them: replicas, sinks,
//! broker and clients that fail. After each step it is checked against a second account that
//! nothing is lost, nothing is answered twice, lines keep their order, and bounds hold; and in the
//! end, that everything came to one. A seed is one run, whatever machine it is run on.

mod account;
mod book;
mod bug;
mod fault;
mod ingest;
mod job;
mod plan;
mod pool;
mod report;
mod scene;
mod trace;
mod world;

use self::world::World;
pub use self::{
    bug::Bug,
    fault::{Counts, Fault},
    report::{FaultReport, Violation},
};

/// Runs so many seeds from the first on, up to the first violation; with a bug, if one is planted.
#[must_use]
pub fn simulate_faults(first_seed: u64, seeds: u64, planted: Option<Bug>) -> FaultReport {
    let mut report = FaultReport { first_seed, ..FaultReport::default() };
    for seed in (first_seed..).take(usize::try_from(seeds).unwrap_or(usize::MAX)) {
        report.add(World::new(seed, planted).run());
        if report.violation.is_some() {
            break;
        }
    }
    report
}

#[cfg(test)]
mod tests;
