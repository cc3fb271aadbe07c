use std::time::SystemTime;

use metrics::{Counter, Gauge};

use super::{Registry, names};
use crate::live::Source;

/// The metrics of the policy in force.
pub struct PolicyMetrics {
    generation: Gauge,
    applied_at: Gauge,
    changes: Vec<(Source, &'static str, Counter)>,
}

const RESULTS: [&str; 3] = ["applied", "refused", "unchanged"];

impl PolicyMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Self {
        let all =
            Source::CHANGES.into_iter().flat_map(|source| RESULTS.map(|result| (source, result)));
        let counter = |(source, result): (Source, &'static str)| {
            let labels = [("source", source.name()), ("result", result)];
            (source, result, registry.counter(names::POLICY_CHANGES, &labels))
        };
        Self {
            generation: registry.gauge(names::POLICY_GENERATION, &[]),
            applied_at: registry.gauge(names::POLICY_APPLIED, &[]),
            changes: all.map(counter).collect(),
        }
    }

    /// A policy has come into force.
    pub fn in_force(&self, generation: u64, at: SystemTime) {
        self.generation.set(generation as f64);
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.applied_at.set(since.as_secs_f64());
    }

    /// Counts a policy that was asked for.
    pub fn count(&self, source: Source, result: &'static str) {
        let known = |(from, what, _): &&(Source, &str, Counter)| *from == source && *what == result;
        if let Some((_, _, counter)) = self.changes.iter().find(known) {
            counter.increment(1);
        }
    }
}
