//! What is simulated beside the policy: a load, and what the policy does not say of its models.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::{
    load::{Arrival, arrivals},
    recording,
};
use crate::policy::{Backend, Model, Policy, parse_duration};

/// A trace as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trace {
    /// By model.
    #[serde(default)]
    costs: BTreeMap<String, WrittenCosts>,
    /// One after the other.
    #[serde(default)]
    load: Vec<Phase>,
    /// A recording, beside the trace's own file, instead.
    recorded: Option<PathBuf>,
}

/// A time in which the load is the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    #[serde(rename = "for")]
    pub(super) lasts: Time,
    pub(super) cameras: u32,
    /// Frames per second and camera.
    pub(super) rate: f64,
    #[serde(default)]
    pub(super) arrivals: Arrivals,
    /// Of the policy's; all of them if absent.
    pub(super) models: Option<Vec<String>>,
}

/// When frames come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Arrivals {
    /// By chance: a Poisson process.
    #[default]
    Poisson,
    /// Each camera's at even distances, the cameras one after the other.
    Even,
}

/// A duration such as `250ms` or `10m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Time(pub(super) Duration);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCosts {
    base: Option<Time>,
    per_item: Option<Time>,
    load: Option<Time>,
    start: Option<Time>,
}

/// What a model's work takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Costs {
    /// Of a batch, and of each entry in it.
    pub(super) base: Duration,
    pub(super) per_item: Duration,
    /// Until a claimed entry is fetched and decoded.
    pub(super) load: Duration,
    /// Until a replica that starts runs.
    pub(super) start: Duration,
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        let unreadable = || format!("write a duration with its unit, such as 5ms; got `{written}`");
        parse_duration(&written).map(Self).ok_or_else(unreadable)
    }
}

impl Costs {
    pub(super) fn of_batch(&self, entries: usize) -> Duration {
        self.base + self.per_item * u32::try_from(entries).unwrap_or(u32::MAX)
    }
}

/// Frames of a load at most: about an hour and a half of simulating.
const MOST_FRAMES: f64 = 1e9;

impl Phase {
    fn frames(&self) -> f64 {
        f64::from(self.cameras) * self.rate * self.lasts.0.as_secs_f64()
    }
}

impl Trace {
    /// Reads a trace for this policy.
    ///
    /// # Errors
    /// When it cannot be read, or does not fit the policy.
    pub(super) fn load(path: &Path, policy: &Policy) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let trace: Self =
            serde_saphyr::from_str(&text).with_context(|| path.display().to_string())?;
        let is_model = |name: &String| policy.models.iter().any(|model| *model.name == **name);
        for name in trace.names() {
            ensure!(is_model(name), "{}: the policy has no model `{name}`", path.display());
        }
        for phase in &trace.load {
            let rate = phase.rate;
            ensure!(
                rate.is_finite() && rate > 0.0 && rate <= 1e6,
                "{}: `rate` is a number of frames per second and camera, above 0; got `{rate}`",
                path.display()
            );
        }
        let frames: f64 = trace.load.iter().map(Phase::frames).sum();
        ensure!(
            frames <= MOST_FRAMES,
            "{}: `load` comes to {frames:.0} frames, and may to {MOST_FRAMES:.0}; take fewer cameras, a lower rate or less time",
            path.display()
        );
        ensure!(
            trace.load.is_empty() || trace.recorded.is_none(),
            "{}: `recorded` goes instead of `load`; keep one of the two",
            path.display()
        );
        Ok(trace)
    }

    /// What comes, and how long that lasts. `path` is the trace's own.
    ///
    /// # Errors
    /// When a recording cannot be read.
    pub(super) fn arrivals(
        self,
        path: &Path,
        models: Vec<Arc<str>>,
        seed: u64,
    ) -> anyhow::Result<(Box<dyn Iterator<Item = Arrival>>, Duration)> {
        let Some(recorded) = self.recorded else {
            let lasts = self.load.iter().map(|phase| phase.lasts.0).sum();
            return Ok((Box::new(arrivals(self.load, models, seed)), lasts));
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let recorded = recording::load(&folder.join(recorded), &models)?;
        let lasts = recorded.last().map_or(Duration::ZERO, |last| last.at);
        Ok((Box::new(recorded.into_iter()), lasts))
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        let of_phases = self.load.iter().flat_map(|phase| phase.models.iter().flatten());
        self.costs.keys().chain(of_phases)
    }

    /// What the model's work takes.
    ///
    /// # Errors
    /// When neither the policy nor the trace says it.
    pub(super) fn costs(&self, model: &Model) -> anyhow::Result<Costs> {
        let written = self.costs.get(&*model.name).cloned().unwrap_or_default();
        let (base, per_item) = match (&model.backend, written.base, written.per_item) {
            (Backend::Simulated { base, per_item, .. }, None, None) => (*base, *per_item),
            (_, Some(Time(base)), Some(Time(per_item))) => (base, per_item),
            _ => anyhow::bail!(
                "what does a batch of `{0}` take? Write `costs: {{ {0}: {{ base: 2ms, per_item: 15ms }} }}` \
                 into the trace; `framegate_stage_seconds` of a running gateway says it",
                model.name
            ),
        };
        let or_none = |time: Option<Time>| time.map_or(Duration::ZERO, |Time(time)| time);
        Ok(Costs { base, per_item, load: or_none(written.load), start: or_none(written.start) })
    }
}
