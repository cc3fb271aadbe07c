use std::{
    ffi::CString,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{ClientContext, bindings::rd_kafka_brokers_add, client::Client, types::RDKafka};
use serde::Deserialize;

use super::brokers::Brokers;

/// Tells a client its brokers again when it has forgotten all of them.
///
/// librdkafka, since 2.10, forgets brokers that are missing in an answer about them. A broker that
/// has just lost its controller answers that there is none at all, and then the client may never
/// ask anybody again (its issue 5301). Clones are of one client.
#[derive(Clone, Default)]
pub(super) struct Lifeline(Arc<Mutex<Option<Tied>>>);

/// A client, and its brokers as its settings name them.
struct Tied {
    client: *mut RDKafka,
    brokers: CString,
    /// When it was told them last.
    told_at: Option<Instant>,
}

/// The part of a client's statistics that is looked at.
#[derive(Deserialize)]
struct Statistics {
    brokers: Brokers,
    /// Messages on their way.
    msg_cnt: u64,
    /// Of a consumer.
    cgrp: Option<Group>,
    /// Of an idempotent producer.
    eos: Option<Transactions>,
}

#[derive(Deserialize)]
struct Group {
    state: String,
}

#[derive(Deserialize)]
struct Transactions {
    txn_state: String,
}

/// The client is told no more often than this; it keeps each list.
const PAUSE: Duration = Duration::from_secs(10);

// SAFETY: any thread may use a client of librdkafka.
unsafe impl Send for Tied {}

impl Lifeline {
    /// It is of this client.
    pub(super) fn tie<C: ClientContext>(&self, client: &Client<C>, brokers: &str) {
        // The policy refuses brokers with a NUL.
        let Ok(brokers) = CString::new(brokers) else { return };
        let tied = Tied { client: client.native_ptr(), brokers, told_at: None };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tied);
    }

    /// Looks at the client's statistics. To be called from its callback alone.
    pub(super) fn look(&self, statistics: &[u8]) {
        let seen = serde_json::from_slice(statistics);
        if seen.is_ok_and(|seen: Statistics| seen.wants_a_broker() && seen.brokers.are_forgotten())
            && let Some(tied) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && tied.told_at.is_none_or(|told_at| told_at.elapsed() > PAUSE)
        {
            tied.told_at = Some(Instant::now());
            // SAFETY: a client that calls back has not been destroyed, and the text ends with NUL.
            let added = unsafe { rd_kafka_brokers_add(tied.client, tied.brokers.as_ptr()) };
            tracing::debug!(added, "kafka client asked none of its brokers, told it these again");
        }
    }
}

impl Statistics {
    /// One that has nothing to do asks no broker either.
    fn wants_a_broker(&self) -> bool {
        let without_coordinator = self.cgrp.as_ref().is_some_and(|group| group.state != "up");
        let idle = ["Init", "ReadyNotAcked", "Ready"];
        let in_transaction = self.eos.as_ref().is_some_and(|eos| !idle.contains(&&*eos.txn_state));
        self.msg_cnt > 0 || without_coordinator || in_transaction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_wants_a_broker_for_messages_a_coordinator_or_a_transaction() {
        for (more, wants) in [
            (r#""msg_cnt": 0"#, false),
            (r#""msg_cnt": 1"#, true),
            (r#""msg_cnt": 0, "cgrp": {"state": "up"}"#, false),
            (r#""msg_cnt": 0, "cgrp": {"state": "query-coord"}"#, true),
            (r#""msg_cnt": 0, "eos": {"txn_state": "Ready"}"#, false),
            (r#""msg_cnt": 0, "eos": {"txn_state": "WaitPID"}"#, true),
            (r#""msg_cnt": 0, "eos": {"txn_state": "CommittingTransaction"}"#, true),
        ] {
            let seen: Statistics =
                serde_json::from_str(&format!(r#"{{"brokers": {{}}, {more}}}"#)).unwrap();
            assert_eq!(seen.wants_a_broker(), wants, "{more}");
        }
    }
}
