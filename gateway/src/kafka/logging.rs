use std::sync::{Arc, Mutex};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

/// The context of a client whose log lines and errors go to our log, and nowhere else. Clones are
/// of one client.
#[derive(Clone, Default)]
pub(crate) struct Logging {
    last: Arc<Mutex<Option<RDKafkaErrorCode>>>,
}

impl Logging {
    /// A transient error: logged as a warning once until it changes or ends, since librdkafka
    /// repeats it with every failed try to connect.
    pub(crate) fn trouble(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let mut last = self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *last == code {
            tracing::debug!(%error, reason, "kafka still in trouble");
        } else {
            tracing::warn!(%error, reason, "kafka in trouble, librdkafka keeps trying");
            *last = code;
        }
    }

    /// The broker answers.
    pub(crate) fn recovered(&self) {
        let mut last = self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(code) = last.take() {
            tracing::info!(trouble = %code, "kafka works again");
        }
    }
}

impl ClientContext for Logging {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble(&error, reason);
    }
}

/// A log line of librdkafka. Its errors are reported through the context too, so the lines are for
/// those who look for details.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, line, "librdkafka");
        }
        _ => tracing::debug!(facility, line, "librdkafka"),
    }
}
