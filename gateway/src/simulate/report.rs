//! What came of a simulation: a table for people, JSON for programs.

use std::{fmt, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

/// All that came of it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How long the load lasted, in simulated seconds.
    pub seconds: f64,
    /// The seed of what was left to chance.
    pub seed: u64,
    /// In the order of the policy.
    pub models: Vec<ModelReport>,
    /// How the pools were, from time to time.
    pub timeline: Vec<Sample>,
}

/// What came of one model's requests.
#[derive(Debug, Serialize)]
pub struct ModelReport {
    /// Its name in the policy.
    pub model: Arc<str>,
    /// Frames that were left out by `every_nth`.
    pub left_out: u64,
    /// Further frames that came for it.
    pub requests: u64,
    /// Of these, those with a result.
    pub served: u64,
    /// Refused because the queue was full.
    pub refused: u64,
    /// Not served in time.
    pub expired: u64,
    /// Replaced by newer ones.
    pub superseded: u64,
    /// Neither at the end.
    pub unfinished: u64,
    /// From a frame's coming to its result.
    #[serde(rename = "latency_ms", serialize_with = "quantiles")]
    latency: Histogram<u64>,
    /// Batches that were executed.
    pub batches: u64,
    /// Ongoing requests at most.
    pub most_ongoing: usize,
    /// Replicas at most.
    pub most_replicas: usize,
    /// How often their number was changed.
    pub changes: u64,
    /// Replicas, each from its start to its end.
    pub replica_seconds: f64,
}

/// The pools at one time.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// Since the start, in seconds.
    pub at: f64,
    /// In the order of the policy.
    pub pools: Vec<Reading>,
}

/// A pool at one time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reading {
    /// In its queue.
    pub queued: usize,
    /// In their topics.
    pub upstream: usize,
    /// Queued, claimed or executing.
    pub ongoing: usize,
    /// Replicas that run.
    pub running: usize,
    /// Replicas that the autoscaler wants.
    pub desired: u32,
    /// Entries in a batch at most.
    pub batch_size: usize,
    /// Frames that have come so far.
    pub arrived: u64,
    /// Results so far.
    pub served: u64,
}

/// The quantiles that are told.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

impl ModelReport {
    pub(super) fn new(model: &Arc<str>) -> Self {
        Self {
            model: Arc::clone(model),
            left_out: 0,
            requests: 0,
            served: 0,
            refused: 0,
            expired: 0,
            superseded: 0,
            unfinished: 0,
            // To 0.1 %, growing with what it is given.
            latency: Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed")),
            batches: 0,
            most_ongoing: 0,
            most_replicas: 0,
            changes: 0,
            replica_seconds: 0.0,
        }
    }

    pub(super) fn serve(&mut self, latency: Duration) {
        self.served += 1;
        // It grows up to u64::MAX, so that it takes any.
        let _ = self.latency.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// The latency at this quantile.
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(quantile))
    }

    /// Entries in a batch, on average.
    pub fn mean_batch(&self) -> f64 {
        self.served as f64 / self.batches.max(1) as f64
    }
}

fn quantiles<S: Serializer>(latency: &Histogram<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    let value = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    serializer.collect_map(QUANTILES.map(|(name, quantile)| (name, value(quantile))))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEADS: [&str; 13] = [
            "requests",
            "served",
            "refused",
            "expired",
            "replaced",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "max ms",
            "ongoing",
            "replicas",
            "changes",
            "replica-s",
        ];
        let names = self.models.iter().map(|model| model.model.len()).max().unwrap_or(0).max(5);
        write!(f, "{:names$}", "model")?;
        HEADS.iter().try_for_each(|head| write!(f, " {head:>9}"))?;
        writeln!(f)?;
        for model in &self.models {
            write!(f, "{:names$}", model.model)?;
            let counts =
                [model.requests, model.served, model.refused, model.expired, model.superseded];
            counts.iter().try_for_each(|count| write!(f, " {count:>9}"))?;
            for (_, quantile) in QUANTILES {
                write!(f, " {:>9.1}", model.latency(quantile).as_secs_f64() * 1000.0)?;
            }
            let (ongoing, replicas, changes) =
                (model.most_ongoing, model.most_replicas, model.changes);
            writeln!(f, " {ongoing:>9} {replicas:>9} {changes:>9} {:>9.1}", model.replica_seconds)?;
        }
        write!(f, "{:.0} s simulated, seed {}", self.seconds, self.seed)
    }
}
