//! What Framegate's Kafka clients share: the settings of all of them and of those that produce,
//! and how they log.

mod logging;
mod settings;

pub(crate) use logging::{Logging, log};
pub(crate) use settings::{common, milliseconds, producer};
