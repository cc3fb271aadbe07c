//! Batch forming: when a replica whose execution slot is free executes what it has loaded.

#[cfg(test)]
mod tests;

use tokio::time::Instant;

use crate::entry::Claimed;
use crate::limits::BatchLimits;

/// What a replica has at hand for its next batch, in claim order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forming {
    /// Entries that are loaded and could be executed now.
    pub loaded: usize,
    /// How many of the loaded come before the first suspect; all of them if there is none.
    pub before_suspect: usize,
    /// Entries that are claimed and still load.
    pub loading: usize,
    /// When the oldest of the loaded was submitted; none if nothing is loaded.
    pub oldest_enqueued_at: Option<Instant>,
    /// When the oldest of the loaded was claimed; none if nothing is loaded.
    pub oldest_claimed_at: Option<Instant>,
}

/// What the replica does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Execute the first `take` of the loaded entries together.
    Execute {
        /// At least 1, at most `max_batch_size`.
        take: usize,
    },
    /// Ask again when something is loaded, and at this instant at the latest.
    WaitUntil(Instant),
    /// Ask again when something is loaded.
    Wait,
}

impl Forming {
    /// Sums up the `loaded` entries, in claim order, and how many more are `loading`.
    pub fn of<'a, J: 'a>(loaded: impl IntoIterator<Item = &'a Claimed<J>>, loading: usize) -> Self {
        let mut forming = Self { loading, ..Self::default() };
        let mut seen_suspect = false;
        for entry in loaded {
            seen_suspect |= entry.suspect;
            forming.loaded += 1;
            forming.before_suspect += usize::from(!seen_suspect);
            forming.oldest_enqueued_at = earlier(forming.oldest_enqueued_at, entry.enqueued_at);
            forming.oldest_claimed_at = earlier(forming.oldest_claimed_at, entry.claimed_at);
        }
        forming
    }
}

/// Decides for a replica whose execution slot is free.
///
/// A suspect runs alone, at once; it also closes the batch before it, which then has nothing to
/// wait for. A batch without a suspect is executed when it is full, or when its oldest entry has
/// waited for `batch_wait_timeout`: since it was submitted if nothing more is loading (so that
/// under a backlog nobody waits twice), since it was claimed if something is.
#[must_use]
pub fn verdict(forming: &Forming, limits: &BatchLimits, now: Instant) -> Verdict {
    let (Some(enqueued_at), Some(claimed_at)) =
        (forming.oldest_enqueued_at, forming.oldest_claimed_at)
    else {
        return Verdict::Wait;
    };
    let is_closed = forming.before_suspect < forming.loaded;
    let full_batch = limits.max_batch_size.max(1);
    let take = forming.before_suspect.clamp(1, full_batch);
    if is_closed || take == full_batch {
        return Verdict::Execute { take };
    }
    let waits_since = if forming.loading == 0 { enqueued_at.min(claimed_at) } else { claimed_at };
    match waits_since.checked_add(limits.batch_wait_timeout) {
        Some(due) if due <= now => Verdict::Execute { take },
        Some(due) => Verdict::WaitUntil(due),
        None => Verdict::Wait, // a wait beyond the end of time
    }
}

fn earlier(known: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(known.map_or(other, |instant| instant.min(other)))
}
