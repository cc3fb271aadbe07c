use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    reconcile::{Fates, Reconciliation},
    scoreboard::Scores,
    status::ReplicaHistory,
};

/// What a run of the demo did, as in `summary.json`. Counts of (frame, model) are found by
/// comparing ids.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How long the cameras played.
    pub seconds: f64,
    /// How many.
    pub cameras: u32,
    /// Frames that the cameras sent.
    pub frames_produced: u64,
    /// Frames that the broker acknowledged to the cameras.
    pub frames_acknowledged: u64,
    /// (Frame, model) pairs with a result.
    pub delivered: u64,
    /// (Frame, model) pairs that the policy had dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// (Frame, model) pairs in the dead-letter topic.
    pub dead_lettered: u64,
    /// (Frame, model) pairs that are nowhere.
    pub lost: u64,
    /// (Frame, model) pairs that ended more than once.
    pub repeated: u64,
    /// The same per model, with rates, ages and replicas.
    pub models: BTreeMap<String, ModelSummary>,
}

/// A model's part of the summary.
#[derive(Debug, Serialize)]
pub struct ModelSummary {
    /// What became of its frames.
    #[serde(flatten)]
    pub fates: Fates,
    /// Results per second while the cameras played.
    pub frames_per_second: f64,
    /// From capture to the result's acknowledgement.
    pub frame_age_ms: Quantiles,
    /// How its replicas came and went.
    pub replicas: ReplicaSummary,
}

/// Quantiles of frame ages in milliseconds.
#[derive(Debug, Serialize)]
pub struct Quantiles {
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

/// How a pool's replicas came and went.
#[derive(Debug, Serialize)]
pub struct ReplicaSummary {
    peak: usize,
    came: usize,
    went: usize,
}

/// What the cameras did.
#[derive(Debug, Clone, Copy)]
pub struct Played {
    /// How long they played.
    pub time: Duration,
    /// How many.
    pub cameras: u32,
    /// Frames sent.
    pub produced: u64,
    /// Frames acknowledged.
    pub acknowledged: u64,
}

impl Summary {
    /// Puts a run's findings together.
    pub fn new(
        played: &Played,
        found: &Reconciliation,
        scores: &BTreeMap<Arc<str>, Scores>,
        replicas: impl Fn(&str) -> ReplicaHistory,
    ) -> Self {
        let model = |(name, fates): (&String, &Fates)| {
            let scores = scores.get(name.as_str()).cloned().unwrap_or_default();
            let history = replicas(name);
            (name.clone(), ModelSummary::new(played.time, fates, &scores, history))
        };
        Self {
            seconds: played.time.as_secs_f64(),
            cameras: played.cameras,
            frames_produced: played.produced,
            frames_acknowledged: played.acknowledged,
            delivered: found.total(|fates| fates.delivered),
            dropped: found.dropped(),
            dead_lettered: found.total(|fates| fates.dead_lettered),
            lost: found.total(|fates| fates.lost),
            repeated: found.total(|fates| fates.repeated),
            models: found.models.iter().map(model).collect(),
        }
    }
}

impl ModelSummary {
    fn new(time: Duration, fates: &Fates, scores: &Scores, history: ReplicaHistory) -> Self {
        let ReplicaHistory { peak, came, went, .. } = history;
        Self {
            fates: fates.clone(),
            frames_per_second: fates.delivered as f64 / time.as_secs_f64().max(f64::EPSILON),
            frame_age_ms: Quantiles::of(&scores.ages),
            replicas: ReplicaSummary { peak, came, went },
        }
    }
}

impl Quantiles {
    fn of(ages: &Histogram<u64>) -> Self {
        let at = |quantile| ages.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: ages.max() }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, cameras, frames_produced, .. } = self;
        writeln!(f, "{cameras} cameras sent {frames_produced} frames in {seconds:.0} s")?;
        for (name, model) in &self.models {
            let fates = &model.fates;
            let Quantiles { p50, p99, .. } = model.frame_age_ms;
            let ReplicaSummary { peak, came, went } = model.replicas;
            writeln!(
                f,
                "{name:<12} delivered {} of {}, dropped {}, dead-lettered {}, lost {}; \
                 {:.1} frames/s, age p50 {p50} ms p99 {p99} ms; at most {peak} replicas, {came} came and {went} went",
                fates.delivered,
                fates.expected,
                by_reason(&fates.dropped),
                fates.dead_lettered,
                fates.lost,
                model.frames_per_second,
            )?;
        }
        write!(f, "lost: {}", self.lost)
    }
}

fn by_reason(dropped: &BTreeMap<String, u64>) -> String {
    let total: u64 = dropped.values().sum();
    let mut text = total.to_string();
    for (reason, count) in dropped {
        // Writing to a String cannot fail.
        let _ = write!(text, " ({reason} {count})");
    }
    text
}
