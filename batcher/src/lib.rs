//! The pool queue and batch forming of Framegate: what waits for a model, in which order it is
//! claimed by the replicas that pull, and when a replica executes what it has loaded.
//!
//! It knows no network, image or device: an entry is a [`Job`] that the pool hands out and hands
//! back. All decisions are pure ([`verdict`] here, one plain state machine inside) and get the
//! time from outside; [`PoolQueue`] and [`ReplicaSeat`] are a thin asynchronous shell around them.
//!
//! ```text
//!  submit ─► lines (order) ─► claim (shares, recall) ─► start ─► finish ─► the caller's answer
//!               ▲                     │                   │
//!               └────── give_back ◄───┴───────────────────┘      cancel, expiry, close: Job::removed
//! ```
//!
//! The modules below stand in reading order.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

// What is queued, within which bounds, and in which order it leaves.
mod entry;
mod limits;
mod lines;

// Which replica gets how much, and which is woken for it.
mod seats;
mod service;
mod shares;

// The machine that ties these together, and what it asks to be done outside of its lock.
mod effects;
mod state;

// The shell: the side of the callers, then the side of the replicas.
mod clock;
mod pool;
mod replica_seat;

// What a replica makes of its claim, and how large that is to be.
mod desk;
mod forming;
mod sizing;

pub use clock::Clock;
pub use desk::{Desk, Formed, Slot};
pub use entry::{
    Charge, Claimed, EntryId, Job, Latest, NewEntry, Origin, Priority, PriorityOutOfRange, Removal,
};
pub use forming::{Forming, Verdict, verdict};
pub use limits::{BatchLimits, PoolLimits, PoolSnapshot, SubmitError, Turnover};
pub use pool::PoolQueue;
pub use replica_seat::ReplicaSeat;
pub use seats::SeatId;
pub use sizing::{BatchCosts, Sizing};
