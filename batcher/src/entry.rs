//! The words of the queue: what an entry is, where it comes from and how it may leave.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

/// Names an entry of one pool. Ids rise in the order of arrival and are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) u64);

/// A class of the queue, 0 to 9; a higher one is claimed first. The default is 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

/// A number that is no [`Priority`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("priority {0} is out of range: give 0 (last) to 9 (first)")]
pub struct PriorityOutOfRange(pub u32);

/// Where an entry comes from. Ingest may hold only a share of the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A call: somebody waits for the answer.
    Interactive,
    /// A record of a topic.
    Ingest,
}

/// Why an entry left the pool without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// [`PoolQueue::cancel`](crate::PoolQueue::cancel): nobody wants the result any more.
    Cancelled,
    /// Its deadline passed; or its turn came so late that it would have passed before the entry
    /// could be finished.
    Expired,
    /// A newer one of its [`Latest`] stream waits in its stead.
    Superseded,
    /// [`PoolQueue::discard_unstarted`](crate::PoolQueue::discard_unstarted): it may come again.
    Discarded,
    /// The pool was closed, or dropped, around it.
    Closed,
}

/// Of which only the newest is to wait: of the entries of one stream, origin, fairness key and
/// priority, at most one is queued. What a replica has claimed is not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// Names the stream within the pool.
    pub stream: u32,
    /// The entry's number within the stream: the higher, the newer. An entry that is submitted
    /// again keeps its number, so that it does not replace what came after it.
    pub order: u64,
}

/// Whether an entry that is given back pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charge {
    /// It is not to blame: it returns as it was.
    Free,
    /// It was in a batch that failed: it is charged a try and runs alone next time.
    Suspect,
}

/// What a pool queues. Cheap to clone (an `Arc`), which is done under the pool's lock.
pub trait Job: Clone + Send + Sync + 'static {
    /// The entry left the pool without a result.
    ///
    /// Called exactly once, outside the pool's lock, and only if no
    /// [`finish`](crate::ReplicaSeat::finish) returns the job.
    fn removed(&self, why: Removal);
}

/// An entry as it is submitted.
#[derive(Debug, Clone)]
pub struct NewEntry<J> {
    /// What is to be done, and whom to answer.
    pub job: J,
    /// Entries of one key stay in order; keys of one priority take turns.
    pub fairness_key: Arc<str>,
    /// The class in which it waits.
    pub priority: Priority,
    /// Which bounds apply to it.
    pub origin: Origin,
    /// When it leaves, wherever it is by then. It never changes the order.
    pub deadline: Option<Instant>,
    /// Set if a newer entry replaces it while it waits.
    pub latest: Option<Latest>,
}

/// An entry that a replica has taken.
#[derive(Debug, Clone)]
pub struct Claimed<J> {
    /// Its name in the pool.
    pub id: EntryId,
    /// What is to be done.
    pub job: J,
    /// It was in a batch that failed, so it must be executed alone.
    pub suspect: bool,
    /// How often it was charged; from 2 on, it was alone the last time.
    pub tries: u32,
    /// When it was submitted.
    pub enqueued_at: Instant,
    /// When this replica took it, from the queue or from another replica's claim.
    pub claimed_at: Instant,
}

/// A count for each [`Origin`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerOrigin {
    interactive: usize,
    ingest: usize,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Priority {
    /// Claimed before all others.
    pub const HIGHEST: Self = Self(9);
    /// Claimed after all others, yet never starved.
    pub const LOWEST: Self = Self(0);

    /// The number, 0 to 9.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u32> for Priority {
    type Error = PriorityOutOfRange;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        u8::try_from(number)
            .ok()
            .map(Self)
            .filter(|&priority| priority <= Self::HIGHEST)
            .ok_or(PriorityOutOfRange(number))
    }
}

impl PerOrigin {
    pub(crate) fn total(self) -> usize {
        self.interactive + self.ingest
    }

    pub(crate) fn of(self, origin: Origin) -> usize {
        match origin {
            Origin::Interactive => self.interactive,
            Origin::Ingest => self.ingest,
        }
    }

    pub(crate) fn of_mut(&mut self, origin: Origin) -> &mut usize {
        match origin {
            Origin::Interactive => &mut self.interactive,
            Origin::Ingest => &mut self.ingest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_0_to_9() {
        assert_eq!(Priority::try_from(0), Ok(Priority::LOWEST));
        assert_eq!(Priority::try_from(5), Ok(Priority::default()));
        assert_eq!(Priority::try_from(9), Ok(Priority::HIGHEST));
        for number in [10, 256, u32::MAX] {
            assert_eq!(Priority::try_from(number), Err(PriorityOutOfRange(number)));
        }
    }
}
