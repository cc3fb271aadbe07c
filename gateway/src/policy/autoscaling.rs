//! `autoscaling:` how many replicas a model has.

use std::time::Duration;

use super::checks::Checks;
use super::key::Key;
use super::model::Batching;
use super::raw::RawAutoscaling;
use super::units::{DECIMAL, DURATION, whole};

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) const MIN_REPLICAS: Key<u32> = Key::new(whole(), 0, 1000).or(1);
pub(super) const INITIAL_REPLICAS: Key<u32> = Key::new(whole(), 0, 1000).or_words("`min_replicas`");
pub(super) const MAX_REPLICAS: Key<u32> = Key::new(whole(), 1, 1000).or(10);
pub(super) const TARGET_ONGOING_REQUESTS: Key<f64> = Key::new(DECIMAL, 0.1, 100_000.0).or(16.0);
pub(super) const TARGET_DRAIN_TIME: Key<Duration> = Key::new(DURATION, MS, HOUR);
pub(super) const LOOK_BACK: Key<Duration> =
    Key::new(DURATION, MS, Duration::from_secs(600)).or(Duration::from_millis(200));
pub(super) const UPSCALE_DELAY: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, HOUR).or(Duration::ZERO);
pub(super) const DOWNSCALE_DELAY: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, DAY).or(MINUTE);
pub(super) const DOWNSCALE_TO_ZERO_DELAY: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, DAY).or_words("`downscale_delay`");

/// How many replicas a model has: `min_replicas ≤ initial_replicas ≤ max_replicas`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Autoscaling {
    /// Default 1, 0 to 1,000; 0 scales to zero.
    pub min_replicas: u32,
    /// Replicas to start with. Default `min_replicas`.
    pub initial_replicas: u32,
    /// Default 10, 1 to 1,000.
    pub max_replicas: u32,
    /// What one replica is meant to have on its hands.
    pub target: Target,
    /// Over how long demand is averaged. Default 200 ms, 1 ms to 10 min.
    pub look_back: Duration,
    /// How long more replicas must be wanted before they start. Default 0 s, at most 1 h.
    pub upscale_delay: Duration,
    /// How long fewer replicas must be wanted before some stop. Default 60 s, at most 24 h.
    pub downscale_delay: Duration,
    /// How long none must be wanted before the last one stops. Default `downscale_delay`, at most 24 h.
    pub downscale_to_zero_delay: Duration,
}

/// What one replica is meant to have on its hands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// So many ongoing requests. Default 16, 0.1 to 100,000.
    OngoingRequests(f64),
    /// As many as it finishes in this time, 1 ms to 1 h. Default under a `latency_slo`: half of that.
    DrainTime(Duration),
}

impl Autoscaling {
    pub(super) fn resolve(raw: &RawAutoscaling, batching: Batching, checks: &mut Checks) -> Self {
        let min_replicas = checks.value(&raw.min_replicas, MIN_REPLICAS);
        let initial = raw.initial_replicas.as_ref();
        let downscale_delay = checks.value(&raw.downscale_delay, DOWNSCALE_DELAY);
        let to_zero = raw.downscale_to_zero_delay.as_ref();
        let autoscaling = Self {
            min_replicas,
            initial_replicas: initial
                .map_or(min_replicas, |text| checks.required(text, INITIAL_REPLICAS)),
            max_replicas: checks.value(&raw.max_replicas, MAX_REPLICAS),
            target: Target::resolve(raw, batching, checks),
            look_back: checks.value(&raw.look_back, LOOK_BACK),
            upscale_delay: checks.value(&raw.upscale_delay, UPSCALE_DELAY),
            downscale_delay,
            downscale_to_zero_delay: to_zero
                .map_or(downscale_delay, |text| checks.required(text, DOWNSCALE_TO_ZERO_DELAY)),
        };
        autoscaling.check_order(raw, checks);
        autoscaling
    }

    fn check_order(&self, raw: &RawAutoscaling, checks: &mut Checks) {
        let Self { min_replicas: min, initial_replicas: initial, max_replicas: max, .. } = self;
        let [raw_min, raw_initial, raw_max] =
            [&raw.min_replicas, &raw.initial_replicas, &raw.max_replicas].map(Option::as_ref);
        if min > max {
            let default = if raw_max.is_none() { " by default" } else { "" };
            let reason = format!(
                "min_replicas is {min}, but max_replicas is {max}{default}; raise that or lower this"
            );
            checks.wrong_together(&[raw_min, raw_max], reason);
        } else if initial < min || initial > max {
            let reason = format!(
                "initial_replicas must be from min_replicas to max_replicas, {min} to {max}; got `{initial}`"
            );
            checks.wrong_together(&[raw_initial, raw_min, raw_max], reason);
        }
        if let Some(to_zero) = raw.downscale_to_zero_delay.as_ref().filter(|_| *min > 0) {
            let reason = format!("goes only with min_replicas: 0, but that is {min}; leave it out");
            checks.wrong_together(&[Some(to_zero), raw_min], reason);
        }
    }
}

impl Target {
    fn resolve(raw: &RawAutoscaling, batching: Batching, checks: &mut Checks) -> Self {
        let Some(drain_time) = &raw.target_drain_time else {
            return match (&raw.target_ongoing_requests, batching) {
                // Half of the objective to be served in, the rest for when demand rises.
                (None, Batching::LatencySlo(slo)) => Self::DrainTime(slo / 2),
                (requests, _) => {
                    Self::OngoingRequests(checks.value(requests, TARGET_ONGOING_REQUESTS))
                }
            };
        };
        if raw.target_ongoing_requests.is_some() {
            checks
                .wrong(drain_time, "goes instead of target_ongoing_requests; keep one of the two");
        }
        Self::DrainTime(checks.required(drain_time, TARGET_DRAIN_TIME))
    }
}
