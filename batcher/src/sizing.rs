//! How large batches are, and how long they wait for more entries, where all that is given is how
//! long an answer may take. Pure.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::limits::BatchLimits;

/// What the batches of a model cost, by their size: measured at some sizes, interpolated between
/// them, and in proportion above the largest.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchCosts {
    /// Size and seconds, by size; never empty.
    measured: Vec<(usize, f64)>,
    /// How much more a batch costs by now than it did then.
    drift: f64,
}

/// The objective by which batches are sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizing {
    /// How long an answer may take from the submission of its entry (`latency_slo`).
    pub latency_slo: Duration,
    /// Entries that a batch may have, however fast; at least 1.
    pub max_batch_size: usize,
}

/// Weight of the newest batch in the drift: about the last ten batches count.
const NEWEST: f64 = 0.2;
/// No batch costs less, in seconds, so that each can be compared with the next.
const LEAST: f64 = 1e-6;
/// A batch that took this many times what it should says no more than that it was held up.
const MOST_AT_ONCE: f64 = 4.0;
/// The part of the objective that is planned with. The rest is for what is not measured: waking
/// threads, taking turns, writing the answer.
const USABLE: f64 = 0.9;
/// Batches pay if a replica serves more with them. A smaller batch is preferred to one that serves
/// at most a twentieth more.
const WORTH: f64 = 0.95;
/// What an entry costs beside its batch, in seconds: being claimed, loaded and answered. It keeps
/// batches of a model that costs next to nothing from seeming to pay.
const BESIDE: f64 = 50e-6;

impl BatchCosts {
    /// What batches of these sizes took; `None` without a batch.
    #[must_use]
    pub fn measured(batches: &[(usize, Duration)]) -> Option<Self> {
        let mut measured: Vec<(usize, f64)> =
            batches.iter().map(|(size, took)| (*size, took.as_secs_f64().max(LEAST))).collect();
        measured.sort_by_key(|(size, _)| *size);
        measured.dedup_by_key(|(size, _)| *size);
        // More never takes less: where it was measured so, that was chance.
        for index in 1..measured.len() {
            measured[index].1 = measured[index].1.max(measured[index - 1].1);
        }
        (!measured.is_empty()).then_some(Self { measured, drift: 1.0 })
    }

    /// Another batch took so long. The costs of all sizes follow it.
    pub fn adjust(&mut self, size: usize, took: Duration) {
        let ratio = (took.as_secs_f64().max(LEAST) / self.seconds(size)).min(MOST_AT_ONCE);
        self.drift *= 1.0 + NEWEST * (ratio - 1.0);
    }

    /// What a batch of so many entries costs.
    #[must_use]
    pub fn of(&self, size: usize) -> Duration {
        Duration::try_from_secs_f64(self.seconds(size)).unwrap_or(Duration::MAX)
    }

    fn seconds(&self, size: usize) -> f64 {
        let above = self.measured.partition_point(|(measured, _)| *measured < size);
        let seconds = match (above.checked_sub(1), self.measured.get(above)) {
            (Some(below), Some(&(more, high))) => {
                let (less, low) = self.measured[below];
                low + (high - low) * (size - less) as f64 / (more - less) as f64
            }
            (None, Some(&(_, first))) => first,
            (_, None) => {
                let (most, last) = self.measured[self.measured.len() - 1];
                last * size as f64 / most as f64
            }
        };
        seconds * self.drift
    }
}

impl Sizing {
    /// The sizes to be measured, smallest first: 1, 2, 4 and so on, and the largest.
    pub fn sizes(&self) -> impl Iterator<Item = usize> + use<> {
        let most = self.max_batch_size.max(1);
        let powers = (0..usize::BITS).map(|power| 1 << power).take_while(move |size| *size < most);
        powers.chain([most])
    }

    /// Whether an answer keeps the objective if batches cost so much: its entry may come just after
    /// a batch has begun, so that it waits for that one before its own is executed (the rule of
    /// Nexus, SOSP 2019, section 4.1).
    #[must_use]
    pub fn allows(&self, cost: Duration) -> bool {
        2.0 * cost.as_secs_f64() <= self.usable()
    }

    /// The bounds of batches that cost so much.
    ///
    /// The size is the smallest with which a replica serves as much as with any that the objective
    /// allows, or nearly; where batches do not pay, so, it is 1, and nothing waits. Else the wait is
    /// what the objective leaves, but no longer than one entry alone takes: an entry for which no
    /// other comes has lost no more than it could have saved. If the objective does not even allow
    /// one entry, that is executed alone and at once.
    #[must_use]
    pub fn limits(&self, costs: &BatchCosts) -> BatchLimits {
        let rate = |size: usize| size as f64 / (costs.seconds(size) + BESIDE * size as f64);
        let allowed = self.largest_allowed(costs);
        let best = (1..=allowed).map(rate).fold(0.0, f64::max);
        let size = (1..=allowed).find(|size| rate(*size) >= WORTH * best).unwrap_or(1);
        if size == 1 {
            return BatchLimits::ALONE;
        }
        let left = self.usable() - 2.0 * costs.seconds(size);
        let wait = Duration::try_from_secs_f64(left.min(costs.seconds(1)));
        BatchLimits { max_batch_size: size, batch_wait_timeout: wait.unwrap_or(Duration::ZERO) }
    }

    fn largest_allowed(&self, costs: &BatchCosts) -> usize {
        let sizes = 1..=self.max_batch_size.max(1);
        sizes.take_while(|size| self.allows(costs.of(*size))).last().unwrap_or(1)
    }

    fn usable(&self) -> f64 {
        USABLE * self.latency_slo.as_secs_f64()
    }
}
