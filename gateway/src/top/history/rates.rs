use std::{collections::HashMap, time::Duration};

use framegate_proto::v1::{Camera, PoolCounters};

/// What a pool did between two snapshots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolRates {
    /// Results per second; a result is one frame at one model.
    pub results: f64,
    /// Entries that were dropped, per second, all reasons.
    pub drops: f64,
    /// Entries that failed, per second, all reasons.
    pub failures: f64,
    /// Mean entries per batch; none without a batch.
    pub batch_size: Option<f64>,
    /// Mean age of the frames when their results were ready; none without such frames.
    pub frame_age: Option<Duration>,
}

/// What a camera did between two snapshots, per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraRates {
    /// Frames that came in.
    pub frames: f64,
    /// (frame, model) pairs with a result.
    pub results: f64,
    /// Pairs that were not executed by policy.
    pub skipped: f64,
    /// Pairs that ended with an error.
    pub errors: f64,
}

/// A pool's rates over the time between two readings of its counters. None if the time is zero or
/// a counter went back: then the gateway has started anew, and nothing is known of the time between.
pub fn pool(before: &PoolCounters, after: &PoolCounters, over: Duration) -> Option<PoolRates> {
    let results = grown(before.results, after.results)?;
    let drops = grown_in_all(&before.drops, &after.drops)?;
    let failures = grown_in_all(&before.failures, &after.failures)?;
    let batches = grown(before.batches, after.batches)?;
    let entries = grown(before.batched_entries, after.batched_entries)?;
    let aged = grown(before.frame_age_count, after.frame_age_count)?;
    let age = after.frame_age_seconds_sum - before.frame_age_seconds_sum;
    Some(PoolRates {
        results: per_second(results, over)?,
        drops: per_second(drops, over)?,
        failures: per_second(failures, over)?,
        batch_size: mean(entries as f64, batches),
        frame_age: mean(age, aged).and_then(|mean| Duration::try_from_secs_f64(mean).ok()),
    })
}

/// A camera's rates, likewise.
pub fn camera(before: &Camera, after: &Camera, over: Duration) -> Option<CameraRates> {
    let rate = |before, after| per_second(grown(before, after)?, over);
    Some(CameraRates {
        frames: rate(before.frames, after.frames)?,
        results: rate(before.results, after.results)?,
        skipped: rate(before.skipped, after.skipped)?,
        errors: rate(before.errors, after.errors)?,
    })
}

fn grown(before: u64, after: u64) -> Option<u64> {
    after.checked_sub(before)
}

/// By how much the counters of all reasons grew; none if one of them went back or is gone.
fn grown_in_all(before: &HashMap<String, u64>, after: &HashMap<String, u64>) -> Option<u64> {
    let missing = before.keys().any(|reason| !after.contains_key(reason));
    if missing {
        return None;
    }
    let grown = |(reason, count): (&String, &u64)| {
        grown(before.get(reason).copied().unwrap_or_default(), *count)
    };
    after.iter().map(grown).sum()
}

fn per_second(count: u64, over: Duration) -> Option<f64> {
    (!over.is_zero()).then(|| count as f64 / over.as_secs_f64())
}

fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVER: Duration = Duration::from_secs(2);

    fn reasons(counts: &[(&str, u64)]) -> HashMap<String, u64> {
        counts.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
    }

    fn before() -> PoolCounters {
        PoolCounters {
            results: 100,
            failures: reasons(&[("QUEUE_FULL", 3)]),
            drops: reasons(&[("too_old", 5)]),
            batches: 10,
            batched_entries: 40,
            frame_age_seconds_sum: 10.0,
            frame_age_count: 50,
        }
    }

    fn after() -> PoolCounters {
        PoolCounters {
            results: 184,
            failures: reasons(&[("QUEUE_FULL", 3), ("BACKEND_FAILED", 1)]),
            drops: reasons(&[("too_old", 9), ("superseded", 2)]),
            batches: 34,
            batched_entries: 124,
            frame_age_seconds_sum: 20.0,
            frame_age_count: 90,
        }
    }

    #[test]
    fn a_pools_rates_are_differences_over_the_time_between() {
        let rates = pool(&before(), &after(), OVER);
        let expected = PoolRates {
            results: 42.0,
            drops: 3.0,
            failures: 0.5,
            batch_size: Some(3.5),
            frame_age: Some(Duration::from_millis(250)),
        };
        assert_eq!(rates, Some(expected));
    }

    #[test]
    fn an_idle_pool_has_rates_of_zero_and_no_means() {
        let idle = PoolRates {
            results: 0.0,
            drops: 0.0,
            failures: 0.0,
            batch_size: None,
            frame_age: None,
        };
        assert_eq!(pool(&after(), &after(), OVER), Some(idle));
    }

    #[test]
    fn any_counter_that_went_back_means_that_nothing_is_known() {
        assert_eq!(pool(&after(), &before(), OVER), None);
        let restarted: [fn(&mut PoolCounters); 6] = [
            |counters| counters.results = 99,
            |counters| counters.failures = reasons(&[]),
            |counters| counters.drops = reasons(&[("too_old", 4)]),
            |counters| counters.batches = 0,
            |counters| counters.batched_entries = 39,
            |counters| counters.frame_age_count = 0,
        ];
        for (case, change) in restarted.iter().enumerate() {
            let mut counters = after();
            change(&mut counters);
            assert_eq!(pool(&before(), &counters, OVER), None, "case {case}");
        }
    }

    #[test]
    fn no_time_between_means_no_rate() {
        assert_eq!(pool(&before(), &after(), Duration::ZERO), None);
    }

    #[test]
    fn a_cameras_rates_are_differences_too() {
        let before = Camera { frames: 10, results: 20, skipped: 4, ..Default::default() };
        let after = Camera { frames: 20, results: 30, skipped: 5, errors: 2, ..Default::default() };
        let expected = CameraRates { frames: 5.0, results: 5.0, skipped: 0.5, errors: 1.0 };
        assert_eq!(camera(&before, &after, OVER), Some(expected));
        assert_eq!(camera(&after, &before, OVER), None);
    }
}
