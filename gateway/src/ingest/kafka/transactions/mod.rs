//! `delivery: exactly_once`: results, drop records and dead letters in one transaction with the
//! offsets of their records.

mod calls;
mod messages;
mod patience;
mod producer;
mod transactor;

pub(super) use patience::Patience;
pub(super) use transactor::Transactor;
