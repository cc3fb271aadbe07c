use std::time::Duration;

use anyhow::ensure;

use super::options::Burst;

/// The slowest a camera may play, in frames per second: a frame in a quarter of an hour.
const MIN_FPS: f64 = 0.001;
/// The fastest a camera may play, bursts included, in frames per second.
const MAX_FPS: f64 = 10_000.0;

/// After falling behind, this many frames in a row must be on time before the rate counts as kept
/// again, so that a camera at its limit does not warn with every frame.
const RECOVERED_AFTER: u32 = 10;

/// When each frame of a camera is due. Frames are counted, never timed from the one before, so a
/// delay is caught up and nothing drifts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// Frames per second outside bursts.
    fps: f64,
    burst: Option<Burst>,
}

/// Whether a camera keeps its rate.
#[derive(Debug, Default)]
pub(super) struct Pace {
    behind: bool,
    /// Frames on time since the last late one; counted while `behind`.
    on_time: u32,
}

/// What [`Pace`] noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PaceChange {
    FellBehind,
    Recovered,
}

impl Schedule {
    /// Errors name the option that is out of its range.
    pub(super) fn new(fps: f64, burst: Option<Burst>) -> anyhow::Result<Self> {
        let factor = burst.map_or(1.0, |burst| burst.factor);
        ensure!(fps >= MIN_FPS, "--fps is {fps}: give a number of at least {MIN_FPS}");
        ensure!(factor >= 1.0, "--burst-factor is {factor}: give a number of 1 or more");
        let fastest = fps * factor;
        ensure!(
            fastest <= MAX_FPS,
            "{fastest} frames/s per camera is above {MAX_FPS}: lower --fps or --burst-factor"
        );
        if let Some(Burst { every, lasts, .. }) = burst {
            ensure!(
                !lasts.is_zero() && lasts < every,
                "--burst-for must be above 0 and below --burst-every ({every:?})"
            );
        }
        Ok(Self { fps, burst })
    }

    /// The time between two frames outside bursts.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.fps)
    }

    /// When frame `n` (from 0) is due, counted from the camera's start.
    pub(super) fn due_at(&self, n: u64) -> Duration {
        let calm_seconds = n as f64 / self.fps;
        let seconds = self.burst.map_or(calm_seconds, |burst| with_bursts(calm_seconds, &burst));
        // Past what a Duration holds a frame is never due.
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// The time at which a camera that bursts has played what it plays in `calm_seconds` without bursts.
fn with_bursts(calm_seconds: f64, burst: &Burst) -> f64 {
    let (every, lasts) = (burst.every.as_secs_f64(), burst.lasts.as_secs_f64());
    let Some(after_first) = Some(calm_seconds - every).filter(|rest| *rest >= 0.0) else {
        return calm_seconds;
    };
    // From the first burst on, each period of `every` plays this many calm seconds, burst first.
    let played_in_burst = lasts * burst.factor;
    let played_per_period = every - lasts + played_in_burst;
    let periods = (after_first / played_per_period).floor();
    let played = after_first - periods * played_per_period;
    let within = if played < played_in_burst {
        played / burst.factor
    } else {
        lasts + (played - played_in_burst)
    };
    (periods + 1.0) * every + within
}

impl Pace {
    /// Notes a frame, and says when that changes whether the camera keeps its rate.
    pub(super) fn note(&mut self, late: bool) -> Option<PaceChange> {
        if late {
            self.on_time = 0;
            return (!std::mem::replace(&mut self.behind, true)).then_some(PaceChange::FellBehind);
        }
        self.on_time = if self.behind { self.on_time + 1 } else { 0 };
        let recovered = self.on_time == RECOVERED_AFTER;
        self.behind &= !recovered;
        recovered.then_some(PaceChange::Recovered)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn bursting() -> Schedule {
        let burst =
            Burst { every: Duration::from_secs(10), lasts: Duration::from_secs(2), factor: 3.0 };
        Schedule::new(5.0, Some(burst)).unwrap()
    }

    /// Frames due before `seconds`.
    fn due_before(schedule: &Schedule, seconds: u64) -> usize {
        (0..).take_while(|n| schedule.due_at(*n) < Duration::from_secs(seconds)).count()
    }

    #[test]
    fn an_hour_at_a_steady_rate_does_not_drift() {
        let schedule = Schedule::new(10.0, None).unwrap();
        assert_eq!(schedule.due_at(0), Duration::ZERO);
        assert_eq!(schedule.due_at(1), Duration::from_millis(100));
        assert_eq!(schedule.due_at(36_000), Duration::from_secs(3600));
    }

    #[test]
    fn bursts_multiply_the_rate_for_their_time() {
        let counts = [10, 11, 12, 13, 20, 22, 30].map(|seconds| due_before(&bursting(), seconds));
        assert_eq!(counts, [50, 65, 80, 85, 120, 150, 190]);
    }

    #[test]
    fn frames_are_due_in_order_across_bursts() {
        let schedule = bursting();
        let ordered = (0..1000).all(|n| schedule.due_at(n) < schedule.due_at(n + 1));
        assert!(ordered);
    }

    #[test]
    fn impossible_options_are_named() {
        let burst =
            Burst { every: Duration::from_secs(2), lasts: Duration::from_secs(2), factor: 2.0 };
        let cases = [
            (0.0, None, "--fps"),
            (f64::NAN, None, "--fps"),
            (20_000.0, None, "--fps"),
            (5.0, Some(burst), "--burst-for"),
            (5.0, Some(Burst { factor: 0.5, ..burst }), "--burst-factor"),
        ];
        for (fps, burst, option) in cases {
            let refusal = Schedule::new(fps, burst).unwrap_err().to_string();
            assert!(refusal.contains(option), "{refusal}");
        }
    }

    #[test]
    fn a_change_of_pace_is_said_once() {
        let mut pace = Pace::default();
        assert_eq!(pace.note(false), None);
        assert_eq!(pace.note(true), Some(PaceChange::FellBehind));
        assert_eq!(pace.note(true), None);
        let on_time: Vec<_> = (0..20).filter_map(|_| pace.note(false)).collect();
        assert_eq!(on_time, [PaceChange::Recovered]);
        assert_eq!(pace.note(true), Some(PaceChange::FellBehind));
    }
}
