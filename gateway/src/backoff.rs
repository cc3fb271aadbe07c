use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// The first wait at its longest.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait before the next try: twice as long each time, between half of
/// that and all of it, so that many that lost the same thing do not come back at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// Waits so far.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// The next wait; `chance` is from 0 to 1.
    pub(crate) fn next_wait(&mut self, chance: f64) -> Duration {
        let longest = FIRST.saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX));
        self.tries = self.tries.saturating_add(1);
        longest.min(LONGEST).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// A number from 0 to 1, other ones in other processes.
pub(crate) fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.next_wait(1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        let mut long_away = Backoff { tries: u32::MAX };
        assert_eq!(long_away.next_wait(0.0), LONGEST / 2);
        assert_eq!(Backoff::default().next_wait(0.0), FIRST / 2);
    }
}
