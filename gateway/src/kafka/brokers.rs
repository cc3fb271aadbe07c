use std::collections::HashMap;

use serde::Deserialize;

/// A client's connections, by the names that librdkafka gives them in its statistics (its
/// STATISTICS.md).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Brokers(HashMap<String, Connection>);

/// One connection.
#[derive(Debug, Deserialize)]
struct Connection {
    source: String,
    state: String,
    /// Time in that state, in µs.
    stateage: i64,
    /// Requests that are not answered yet.
    waitresp_cnt: i64,
    /// Time since anything was received, in µs; -1 for nothing yet.
    rxidle: i64,
}

/// The connection to the coordinator of a consumer's group, beside the one to the same broker for
/// everything else.
const COORDINATOR: &str = "GroupCoordinator";
/// One that owes an answer and has sent nothing for so long does not answer now; one that nobody has
/// tried to connect for so long is not being tried. In µs.
const LONG: i64 = 5_000_000;

impl Brokers {
    /// Whether the client asks nobody: it has no broker left, or none that it tries to reach. It may
    /// just have nothing to do.
    pub(crate) fn are_forgotten(&self) -> bool {
        !self.0.values().any(Connection::is_in_use)
    }

    /// Whether one of them answers.
    pub(crate) fn answer(&self) -> bool {
        self.0.values().any(Connection::answers)
    }

    /// Whether the coordinator owes an answer.
    pub(crate) fn coordinator_owes(&self) -> bool {
        self.0.get(COORDINATOR).is_some_and(|connection| connection.waitresp_cnt > 0)
    }
}

impl Connection {
    fn is_in_use(&self) -> bool {
        let is_broker = ["configured", "learned"].contains(&&*self.source);
        is_broker && (self.state != "INIT" || self.stateage < LONG)
    }

    fn answers(&self) -> bool {
        let recent = (0..LONG).contains(&self.rxidle);
        self.state == "UP" && (recent || self.waitresp_cnt == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str, state: &str, seconds: i64) -> Brokers {
        let stateage = seconds * 1_000_000;
        let (source, state) = (source.to_owned(), state.to_owned());
        let connection = Connection { source, state, stateage, waitresp_cnt: 0, rxidle: -1 };
        Brokers(HashMap::from([("b:9092/1".to_owned(), connection)]))
    }

    #[test]
    fn one_that_is_tried_or_just_came_is_not_forgotten() {
        for source in ["configured", "learned"] {
            assert!(of(source, "INIT", 6).are_forgotten());
            assert!(!of(source, "INIT", 4).are_forgotten());
            assert!(!of(source, "TRY_CONNECT", 60).are_forgotten());
            assert!(!of(source, "UP", 60).are_forgotten());
        }
    }

    #[test]
    fn internal_and_logical_connections_are_no_brokers() {
        assert!(Brokers::default().are_forgotten());
        assert!(of("logical", "TRY_CONNECT", 1).are_forgotten());
        assert!(of("internal", "UP", 1).are_forgotten());
    }

    #[test]
    fn one_answers_that_owes_nothing_or_was_heard_just_now() {
        let json = |state: &str, owed: u32, idle: i64| {
            format!(
                r#"{{"b": {{"source": "learned", "state": "{state}", "stateage": 0,
                    "waitresp_cnt": {owed}, "rxidle": {idle}}}}}"#
            )
        };
        for (state, owed, idle, answers) in [
            ("UP", 0, 60_000_000, true),
            ("UP", 1, 100_000, true),
            ("UP", 1, 6_000_000, false),
            ("UP", 1, -1, false),
            ("TRY_CONNECT", 0, 100_000, false),
        ] {
            let brokers: Brokers = serde_json::from_str(&json(state, owed, idle)).unwrap();
            assert_eq!(brokers.answer(), answers, "{state} {owed} {idle}");
        }
    }
}
