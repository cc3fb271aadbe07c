use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use super::failure::Failure;

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How often a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Retries {
    /// Tries in all; at least 1 is made.
    pub attempts: u32,
    /// The wait before the second try; it doubles, to at most 10 s, and each is cut by up to half
    /// at random, so that many fetches do not come back together.
    pub backoff: Duration,
}

impl Default for S3Retries {
    fn default() -> Self {
        Self { attempts: 4, backoff: Duration::from_millis(100) }
    }
}

impl S3Retries {
    /// How long to wait after `tries` failed tries; none to give up. `chance` is from 0 to 1.
    pub(super) fn wait_after(
        &self,
        tries: u32,
        failure: &Failure,
        chance: f64,
    ) -> Option<Duration> {
        if tries >= self.attempts || !failure.may_pass() {
            return None;
        }
        let doublings = tries.saturating_sub(1).min(20);
        let wait = self.backoff.saturating_mul(1 << doublings).min(LONGEST_WAIT);
        Some(wait.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0))
    }
}

/// A number from 0 to 1.
pub(super) fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRIES: S3Retries = S3Retries { attempts: 4, backoff: Duration::from_millis(100) };

    fn waits(chance: f64) -> Vec<Option<u128>> {
        let wait = |tries| RETRIES.wait_after(tries, &Failure::TimedOut, chance);
        (1..=4).map(|tries| wait(tries).map(|wait| wait.as_millis())).collect()
    }

    #[test]
    fn waits_double_and_are_cut_by_up_to_half() {
        assert_eq!(waits(0.0), [Some(100), Some(200), Some(400), None]);
        assert_eq!(waits(1.0), [Some(50), Some(100), Some(200), None]);
        let patient = S3Retries { attempts: u32::MAX, ..RETRIES };
        assert_eq!(patient.wait_after(1000, &Failure::TimedOut, 0.0), Some(LONGEST_WAIT));
    }

    #[test]
    fn what_will_not_pass_is_not_tried_again() {
        for failure in [Failure::NotFound, Failure::TooLarge, Failure::refused(403, "AccessDenied")]
        {
            assert_eq!(RETRIES.wait_after(1, &failure, 0.0), None, "{failure}");
        }
    }

    #[test]
    fn chance_stays_in_its_range() {
        assert!((0..100).map(|_| chance()).all(|chance| (0.0..=1.0).contains(&chance)));
    }
}
