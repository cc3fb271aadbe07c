//! What Framegate's Kafka clients share: the settings of all of them and of those that produce, how
//! they log, and what keeps them alive.

mod brokers;
mod lifeline;
mod producing;
mod security;
mod settings;
mod watch;

pub(crate) use brokers::Brokers;
pub(crate) use security::secure;
pub(crate) use settings::{STATISTICS_INTERVAL, common, milliseconds, producer};
pub(crate) use watch::Watch;
