//! The bounds of a pool, the answers when they are reached, and its counts.

use std::time::Duration;

/// The bounds of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Entries that may wait in the queue; claimed ones do not count.
    pub max_queued: usize,
    /// Of these, how many may come from [`Origin::Ingest`](crate::Origin::Ingest).
    pub max_queued_ingest: usize,
    /// The bounds of its batches.
    pub batch: BatchLimits,
}

/// The bounds of a pool's batches. They may change while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Entries that a replica executes together, and may hold unstarted; at least 1.
    pub max_batch_size: usize,
    /// How long an entry waits for others to share its batch.
    pub batch_wait_timeout: Duration,
}

impl BatchLimits {
    /// Each entry is executed alone and at once.
    pub const ALONE: Self = Self { max_batch_size: 1, batch_wait_timeout: Duration::ZERO };
}

/// Why an entry was not taken in. Nothing of it is kept and its job is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// All places are taken.
    #[error("the queue is full: {queued} requests wait and {limit} may; retry later")]
    Full {
        /// Entries that wait.
        queued: usize,
        /// Entries that may wait.
        limit: usize,
    },
    /// Places are free, but ingest holds its whole share.
    #[error(
        "the queue's share for ingest is full: {queued} records wait and {limit} may; retry later"
    )]
    IngestShareFull {
        /// Ingest entries that wait.
        queued: usize,
        /// Ingest entries that may wait.
        limit: usize,
    },
    /// The pool takes no more entries.
    #[error("the queue is closed because its server stops; send the request to another one")]
    Closed,
    /// A newer entry of its [`Latest`](crate::Latest) stream waits already.
    #[error("a newer request of the same stream waits; this one is of no more use")]
    Superseded,
    /// The deadline had passed before the entry could wait.
    #[error("the deadline passed before the request was queued; allow it more time")]
    Expired,
}

/// A pool's counts at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolSnapshot {
    /// Entries that wait in the queue.
    pub queued: usize,
    /// Of these, entries of [`Origin::Ingest`](crate::Origin::Ingest).
    pub queued_ingest: usize,
    /// Entries that replicas have claimed and not started.
    pub claimed: usize,
    /// Entries that replicas execute.
    pub executing: usize,
    /// All of these: queued, claimed and executing.
    pub ongoing: usize,
    /// Replicas that hold a seat, those that drain included.
    pub replicas: usize,
    /// Entries that a batch may have.
    pub max_batch_size: usize,
}

/// What has left a pool since it was made. The difference of two readings is a rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Entries that a replica finished, with whatever result.
    pub finished: u64,
    /// Entries that overload shed: superseded ones, and those of ingest that expired while they
    /// waited, since no replica came for them in time. A call's deadline is its client's own and
    /// says nothing about the pool.
    pub shed: u64,
}
