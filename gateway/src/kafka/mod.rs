//! What Framegate's Kafka clients share: the settings of all of them and of those that produce,
//! and how they log.

mod logging;
mod security;
mod settings;

pub(crate) use logging::Logging;
pub(crate) use security::secure;
pub(crate) use settings::{common, milliseconds, producer};
