//! Kafka in, outcomes out: a record is taken, its entries are queued at the pools, their answers
//! are delivered, and the offset is committed behind them.
//!
//! ```text
//!  consumer thread ─► record ─► admission ─► pools ─► answers ─► delivery ─► sinks, drop log
//!    ▲   │ take      (fields)                            ▲          │    └─► dead-letter topic
//!    │   ▼                                               └─ retry ──┤
//!  commit ◄─ tracker ◄──────────────── ended entries ◄──────────────┘
//! ```
//!
//! What decides is pure: `record`, `overload`, `tracker`, `outcome`, `gate`, `backlog`, `lag`,
//! `catch_up`, `membership`. What is bounded, and by what: records in flight by `max_in_flight` (`in_flight`);
//! everything else holds one place for each entry of a record in flight. Under
//! `delivery: exactly_once` the delivery writes nothing: results wait in the `hold_back`, and the
//! committer writes them in one transaction with their offsets (`kafka/transactions`).

mod admission;
mod backlog;
mod catch_up;
mod delivery;
pub(crate) mod entry;
mod fields;
pub(crate) mod gate;
pub(crate) mod hold_back;
mod in_flight;
mod kafka;
mod lag;
mod membership;
mod observe;
pub(crate) mod outcome;
mod overload;
mod record;
mod result;
mod running;
#[cfg(test)]
mod testing;
mod topics;
#[doc(hidden)] // public for the benches alone
pub mod tracker;

pub use kafka::KafkaIngest;
pub use observe::OutcomeObserver;
pub use outcome::{DropReason, OutcomeKind};
pub use running::Ingests;
