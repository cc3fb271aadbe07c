use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

/// The context of a client whose log lines and errors go to our log, and nowhere else. Clones are
/// of one client.
#[derive(Clone, Default)]
pub(crate) struct Logging {
    /// The errors since it last worked, each once, in the order in which they came.
    seen: Arc<Mutex<Vec<RDKafkaErrorCode>>>,
}

impl Logging {
    /// A transient error: logged as a warning once until the client works again, since librdkafka
    /// repeats it with every failed try to connect, in turns with others.
    pub(crate) fn trouble(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let mut seen = self.seen();
        if seen.contains(&code) {
            tracing::debug!(%error, reason, "kafka still in trouble");
        } else {
            tracing::warn!(%error, reason, "kafka in trouble, librdkafka keeps trying");
            seen.push(code);
        }
    }

    /// The broker answers.
    pub(crate) fn recovered(&self) {
        let trouble = mem::take(&mut *self.seen());
        if let Some(code) = trouble.first() {
            tracing::info!(trouble = %code, "kafka works again");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<RDKafkaErrorCode>> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
