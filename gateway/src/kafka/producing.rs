use serde::Deserialize;

use super::brokers::Brokers;

/// What is looked at of a producer's statistics (librdkafka's STATISTICS.md).
#[derive(Deserialize)]
pub(super) struct Statistics {
    brokers: Brokers,
    /// Messages on their way.
    msg_cnt: u64,
    /// Of one that is idempotent.
    eos: Option<Transactions>,
}

#[derive(Deserialize)]
struct Transactions {
    txn_state: String,
}

/// States of a producer that has no transaction, and waits for none.
const IDLE: [&str; 3] = ["Init", "ReadyNotAcked", "Ready"];

impl Statistics {
    /// Whether the producer has something to send, and asks no broker. (One that has nothing to do
    /// asks none either.)
    pub(super) fn forsaken(&self) -> bool {
        let in_transaction = self.eos.as_ref().is_some_and(|eos| !IDLE.contains(&&*eos.txn_state));
        (self.msg_cnt > 0 || in_transaction) && self.brokers.are_forgotten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_with_messages_or_in_a_transaction_is_forsaken_without_brokers() {
        let up = r#""b": {"source": "learned", "state": "UP", "stateage": 1, "waitresp_cnt": 0, "rxidle": 1}"#;
        for (more, wants) in [
            (r#""msg_cnt": 0"#, false),
            (r#""msg_cnt": 1"#, true),
            (r#""msg_cnt": 0, "eos": {"txn_state": "Ready"}"#, false),
            (r#""msg_cnt": 0, "eos": {"txn_state": "WaitPID"}"#, true),
            (r#""msg_cnt": 0, "eos": {"txn_state": "CommittingTransaction"}"#, true),
        ] {
            for (brokers, none) in [("", true), (up, false)] {
                let json = format!(r#"{{"brokers": {{{brokers}}}, {more}}}"#);
                let seen: Statistics = serde_json::from_str(&json).unwrap();
                assert_eq!(seen.forsaken(), wants && none, "{json}");
            }
        }
    }
}
