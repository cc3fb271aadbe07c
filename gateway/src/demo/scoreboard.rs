use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;

use crate::ingest::{OutcomeKind, OutcomeObserver};

/// Counts how every (record, model) of the demo ended.
#[derive(Default)]
pub struct Scoreboard {
    models: Mutex<BTreeMap<Arc<str>, Scores>>,
}

/// How the records of one model ended.
#[derive(Clone)]
pub struct Scores {
    /// Results that every sink has acknowledged.
    pub delivered: u64,
    /// Drops, all reasons.
    pub dropped: u64,
    /// Dead letters.
    pub dead_lettered: u64,
    /// Ages of the delivered frames, in milliseconds.
    pub ages: Histogram<u64>,
    /// The same since the last [`Scoreboard::take_recent`].
    pub recent_ages: Histogram<u64>,
}

/// Older frames than this count as this old, in milliseconds.
const OLDEST: u64 = 600_000;

impl Scoreboard {
    /// The scores so far; those of the recent past begin anew.
    pub fn take_recent(&self) -> BTreeMap<Arc<str>, Scores> {
        let mut models = self.lock();
        let scores = models.clone();
        models.values_mut().for_each(|scores| scores.recent_ages.reset());
        scores
    }

    /// How many have ended, all models together.
    pub fn ended(&self) -> u64 {
        let models = self.lock();
        models.values().map(|s| s.delivered + s.dropped + s.dead_lettered).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Scores>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutcomeObserver for Scoreboard {
    fn ended(&self, model: &Arc<str>, outcome: &OutcomeKind, frame_age: Option<Duration>) {
        let mut models = self.lock();
        let scores = models.entry(model.clone()).or_default();
        match outcome {
            OutcomeKind::Delivered => scores.delivered += 1,
            OutcomeKind::Dropped(_) => scores.dropped += 1,
            OutcomeKind::DeadLettered(_) => scores.dead_lettered += 1,
        }
        if let (OutcomeKind::Delivered, Some(age)) = (outcome, frame_age) {
            let millis = u64::try_from(age.as_millis()).unwrap_or(OLDEST);
            scores.ages.saturating_record(millis);
            scores.recent_ages.saturating_record(millis);
        }
    }
}

impl Default for Scores {
    fn default() -> Self {
        let ages = empty_ages();
        let recent_ages = ages.clone();
        Self { delivered: 0, dropped: 0, dead_lettered: 0, ages, recent_ages }
    }
}

#[allow(clippy::expect_used)] // 2 digits and a highest value of at least 2 are always accepted
fn empty_ages() -> Histogram<u64> {
    Histogram::new_with_max(OLDEST, 2).expect("valid bounds")
}
