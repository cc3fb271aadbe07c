use std::sync::{Arc, Mutex, MutexGuard};

use rdkafka::{
    ClientContext,
    client::Client,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{lifeline::Lifeline, producing::Statistics};

/// The context of a client, which it watches: its log lines and errors go to our log, and nowhere
/// else, and it does not stay without brokers. Clones are of one client.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    trouble: Arc<Mutex<Trouble>>,
    lifeline: Lifeline,
}

/// What the client is in, until it works again.
#[derive(Default)]
struct Trouble {
    /// The kinds that were logged, at most one of each that there is.
    told: Vec<Option<RDKafkaErrorCode>>,
    /// librdkafka's last line about a failure. A consumer's errors come without their reason,
    /// which this line gives just before.
    reason: String,
}

/// The facilities of librdkafka that report failures: of a connection, and of a token's endpoint.
const FAILURES: [&str; 3] = ["FAIL", "ERROR", "OIDC"];

impl Watch {
    /// It is of this client, whose settings name these brokers.
    pub(crate) fn tie<C: ClientContext>(&self, client: &Client<C>, brokers: &str) {
        self.lifeline.tie(client, brokers);
    }

    /// The client wants a broker and asks none, as its statistics say.
    pub(crate) fn forsaken(&self) {
        self.lifeline.throw();
    }

    /// A transient error: each kind is logged as a warning once until the client works again, since
    /// librdkafka repeats it with every failed try to connect.
    pub(crate) fn trouble(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let told = {
            let mut trouble = self.lock();
            let told = trouble.told.contains(&code);
            if !told {
                trouble.told.push(code);
            }
            told
        };
        if told {
            tracing::debug!(%error, reason, "kafka still in trouble");
        } else {
            let advice = advice(code);
            tracing::warn!(%error, reason, advice, "kafka in trouble, librdkafka keeps trying");
        }
    }

    /// The same for an error that a consumer's poll has given.
    pub(crate) fn polled(&self, error: &KafkaError) {
        let reason = self.lock().reason.clone();
        self.trouble(error, &reason);
    }

    /// The broker answers.
    pub(crate) fn recovered(&self) {
        let mut trouble = self.lock();
        if let Some(code) = trouble.told.first().copied() {
            let code = code.map(|code| code.to_string()).unwrap_or_default();
            tracing::info!(trouble = code, "kafka works again");
            *trouble = Trouble::default();
        }
    }

    /// A log line of librdkafka. Its errors are reported through the context too, so the lines are
    /// for those who look for details.
    pub(crate) fn line(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if FAILURES.contains(&facility) {
            self.lock().reason = line.to_owned();
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, line, "librdkafka");
            }
            _ => tracing::debug!(facility, line, "librdkafka"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble(&error, reason);
    }

    /// A producer's.
    fn stats_raw(&self, statistics: &[u8]) {
        if serde_json::from_slice(statistics).is_ok_and(|seen: Statistics| seen.forsaken()) {
            self.forsaken();
        }
    }
}

/// What an operator can do about it.
fn advice(code: Option<RDKafkaErrorCode>) -> &'static str {
    match code {
        Some(RDKafkaErrorCode::Authentication) => {
            "correct `security.sasl`, or the user's rights at the broker or token endpoint"
        }
        Some(RDKafkaErrorCode::SSL) => {
            "correct `security.tls`: `ca` must vouch for the broker, whose certificate must name its host"
        }
        Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown) => {
            "start the broker, or correct `brokers`, or `security`: it may want TLS, a client's certificate or SASL"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn each_kind_is_told_once_until_it_works_again() {
        let watch = Watch::default();
        let [login, down] = [RDKafkaErrorCode::Authentication, RDKafkaErrorCode::AllBrokersDown];
        for code in [login, down, login, down] {
            watch.trouble(&KafkaError::Global(code), "why");
        }
        assert_eq!(watch.lock().told, [Some(login), Some(down)]);
        watch.recovered();
        assert!(watch.lock().told.is_empty());
    }

    #[test]
    fn the_reason_is_the_last_line_about_a_failure() {
        let watch = Watch::default();
        for (facility, line) in [("FAIL", "wrong password"), ("MAXPOLL", "slow")] {
            watch.line(RDKafkaLogLevel::Error, facility, line);
        }
        assert_eq!(watch.lock().reason, "wrong password");
    }
}
