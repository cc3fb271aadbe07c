use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use framegate_proto::ErrorCode;

use crate::ingest::DropReason;

/// How the entries of one model ended, since the gateway started. Clones of a handle to it may
/// count from any thread; no two counts belong together, so nothing is ordered.
pub struct Tally {
    results: AtomicU64,
    /// By `ErrorCode as usize`, which is its place in `ErrorCode::ALL`.
    failures: [AtomicU64; ErrorCode::ALL.len()],
    /// By `DropReason as usize`, which is its place in `DropReason::ALL`.
    drops: [AtomicU64; DropReason::ALL.len()],
    age_micros: AtomicU64,
    ages: AtomicU64,
    replicas: AtomicU64,
}

/// Ages of frames when their results were ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameAges {
    /// Of all of them together.
    pub sum: Duration,
    /// How many.
    pub count: u64,
}

/// Errors by which the queue lets entries of records go that are then dropped by policy. They are
/// counted once, as drops.
const DROPPING: &[ErrorCode] = &[ErrorCode::FrameTooOld, ErrorCode::Superseded];

impl Default for Tally {
    fn default() -> Self {
        Self {
            results: AtomicU64::new(0),
            failures: [const { AtomicU64::new(0) }; ErrorCode::ALL.len()],
            drops: [const { AtomicU64::new(0) }; DropReason::ALL.len()],
            age_micros: AtomicU64::new(0),
            ages: AtomicU64::new(0),
            replicas: AtomicU64::new(0),
        }
    }
}

impl Tally {
    /// An entry ended with a result.
    pub fn result(&self) {
        self.results.fetch_add(1, Relaxed);
    }

    /// An entry ended with an error.
    pub fn failure(&self, code: ErrorCode) {
        if let Some(count) = self.failures.get(code as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The entries of so many records were dropped by policy.
    pub fn dropped(&self, reason: DropReason, records: u64) {
        if let Some(count) = self.drops.get(reason as usize) {
            count.fetch_add(records, Relaxed);
        }
    }

    /// A result was ready when its frame was so old.
    pub fn frame_age(&self, age: Duration) {
        // Enough for half a million years of ages.
        let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        self.age_micros.fetch_add(micros, Relaxed);
        self.ages.fetch_add(1, Relaxed);
    }

    /// The number of a further replica, from 1; none has it twice, whatever pools the model had.
    pub fn next_replica(&self) -> u64 {
        self.replicas.fetch_add(1, Relaxed) + 1
    }

    /// Entries that ended with a result.
    pub fn results(&self) -> u64 {
        self.results.load(Relaxed)
    }

    /// Entries that ended with an error, where there are any; not those counted as drops.
    pub fn failures(&self) -> impl Iterator<Item = (ErrorCode, u64)> + '_ {
        let counted = ErrorCode::ALL.iter().zip(&self.failures);
        counted
            .map(|(code, count)| (*code, count.load(Relaxed)))
            .filter(|(code, count)| *count > 0 && !DROPPING.contains(code))
    }

    /// Entries of records that were dropped by policy, where there are any.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let counted = DropReason::ALL.iter().zip(&self.drops);
        counted
            .map(|(reason, count)| (*reason, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
    }

    /// Ages of the frames that say when they were captured.
    pub fn frame_ages(&self) -> FrameAges {
        let sum = Duration::from_micros(self.age_micros.load(Relaxed));
        FrameAges { sum, count: self.ages.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_reason_has_its_own_place() {
        let tally = Tally::default();
        for (times, code) in ErrorCode::ALL.iter().enumerate() {
            (0..=times).for_each(|_| tally.failure(*code));
        }
        let expected: Vec<_> = (1..).zip(ErrorCode::ALL).map(|(n, code)| (*code, n)).collect();
        let expected: Vec<_> =
            expected.into_iter().filter(|(code, _)| !DROPPING.contains(code)).collect();
        assert_eq!(tally.failures().collect::<Vec<_>>(), expected);
        for reason in DropReason::ALL {
            tally.dropped(*reason, 1);
        }
        let drops: Vec<_> = DropReason::ALL.iter().map(|reason| (*reason, 1)).collect();
        assert_eq!(tally.drops().collect::<Vec<_>>(), drops);
    }

    #[test]
    fn ages_add_up() {
        let tally = Tally::default();
        tally.frame_age(Duration::from_millis(250));
        tally.frame_age(Duration::from_millis(750));
        assert_eq!(tally.frame_ages(), FrameAges { sum: Duration::from_secs(1), count: 2 });
    }
}
