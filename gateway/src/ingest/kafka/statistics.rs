use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;

use crate::{
    ingest::{
        backlog::PartitionEnd,
        membership::Sight,
        tracker::{Partition, Tracker},
    },
    kafka::Brokers,
};

/// What is looked at of a consumer's statistics (librdkafka's STATISTICS.md). Its own
/// `consumer_lag` counts from the committed offset, so it holds what is in flight; ours counts from
/// what was taken.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    brokers: Brokers,
    topics: HashMap<Arc<str>, TopicStatistics>,
    cgrp: GroupStatistics,
}

#[derive(Default, Deserialize)]
struct GroupStatistics {
    /// Whether there is a coordinator.
    state: String,
    join_state: String,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: HashMap<i32, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    /// The offset after the partition's last record; negative while unknown.
    hi_offset: i64,
    /// The next offset to be fetched; negative while unknown. (What was fetched and not handed out
    /// cannot be told: `fetchq_cnt` is that of all partitions together, which share a queue.)
    next_offset: i64,
    fetch_state: FetchState,
}

/// Whether a partition's records are fetched.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FetchState {
    None,
    Stopping,
    Stopped,
    /// They are, or it is being found out from where on.
    #[serde(other)]
    Begun,
}

impl Statistics {
    /// Nothing, if they cannot be read.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let unreadable = |error| tracing::debug!(%error, "librdkafka's statistics cannot be read");
        serde_json::from_slice(json).map_err(unreadable).ok()
    }

    /// Whether the consumer wants a coordinator and asks no broker.
    pub(super) fn forsaken(&self) -> bool {
        !self.has_coordinator() && self.brokers.are_forgotten()
    }

    /// The ends of the assigned partitions, as far as they are known.
    pub(super) fn partition_ends(&self, tracker: &Tracker) -> Vec<PartitionEnd> {
        let end = |partition: &Partition| {
            let seen = self.partition(partition)?;
            let begin = || Some(seen.next_offset).filter(|offset| *offset >= 0);
            let position = tracker.position(partition).or_else(begin)?;
            (seen.hi_offset >= 0).then(|| PartitionEnd {
                partition: partition.clone(),
                end: seen.hi_offset,
                position,
            })
        };
        tracker.partitions().filter_map(end).collect()
    }

    /// How the consumer stands in its group.
    pub(super) fn sight(&self, tracker: &Tracker) -> Sight {
        let has_begun = |partition: &&Partition| {
            self.partition(partition).is_some_and(|seen| seen.fetch_state == FetchState::Begun)
        };
        let partitions = tracker.partitions().len();
        Sight {
            steady: self.cgrp.join_state == "steady",
            // Without topics that match it goes back and forth between these two.
            under_way: self.brokers.coordinator_owes()
                || !self.has_coordinator()
                || !["init", "wait-metadata"].contains(&&*self.cgrp.join_state),
            can_go_on: self.brokers.answer() || self.brokers.are_forgotten(),
            partitions,
            unread: partitions - tracker.partitions().filter(has_begun).count(),
        }
    }

    fn has_coordinator(&self) -> bool {
        self.cgrp.state == "up"
    }

    fn partition(&self, partition: &Partition) -> Option<&PartitionStatistics> {
        self.topics.get(&partition.topic)?.partitions.get(&partition.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assigned_partitions_with_known_ends_count() {
        let json = br#"{"name": "x", "topics": {"camera_1": {"partitions": {
            "0": {"hi_offset": 50, "next_offset": 40, "fetch_state": "active"},
            "1": {"hi_offset": 50, "next_offset": 40, "fetch_state": "active"},
            "2": {"hi_offset": -1001, "next_offset": 0, "fetch_state": "active"},
            "-1": {"hi_offset": 9, "next_offset": 0, "fetch_state": "active"},
            "3": {"hi_offset": 50, "next_offset": 40, "fetch_state": "active"}}}}}"#;
        let mut tracker = Tracker::default();
        let partition = |number| Partition { topic: "camera_1".into(), number };
        (0..3).for_each(|number| tracker.assign(partition(number)));
        tracker.take(&partition(1), 29, 1).unwrap();
        let mut ends = Statistics::read(json).unwrap().partition_ends(&tracker);
        ends.sort_by_key(|end| end.partition.number);
        let found: Vec<_> = ends.iter().map(|e| (e.partition.number, e.end, e.position)).collect();
        assert_eq!(found, [(0, 50, 40), (1, 50, 30)]);
        assert!(Statistics::read(b"no json").is_none());
    }

    #[test]
    fn a_consumer_waits_for_its_group_when_a_coordinator_owes_it_an_answer() {
        let sight = |state, join_state, owed| {
            let json = format!(
                r#"{{"brokers": {{"GroupCoordinator": {{"source": "logical", "state": "UP",
                    "stateage": 1, "waitresp_cnt": {owed}, "rxidle": 1}}}},
                    "cgrp": {{"state": "{state}", "join_state": "{join_state}"}}}}"#
            );
            let sight = Statistics::read(json.as_bytes()).unwrap().sight(&Tracker::default());
            (sight.steady, sight.under_way)
        };
        for (state, join_state, owed, expected) in [
            ("up", "steady", 0, (true, true)),
            ("up", "wait-join", 1, (false, true)),
            ("up", "init", 1, (false, true)),
            ("up", "init", 0, (false, false)),
            ("up", "wait-metadata", 0, (false, false)),
            ("wait-coord", "init", 0, (false, true)),
        ] {
            assert_eq!(sight(state, join_state, owed), expected, "{state} {join_state} {owed}");
        }
    }

    #[test]
    fn one_without_a_coordinator_and_brokers_is_forsaken() {
        let up = r#""b": {"source": "learned", "state": "UP", "stateage": 1, "waitresp_cnt": 0, "rxidle": 1}"#;
        for (state, brokers, forsaken) in
            [("up", "", false), ("query-coord", "", true), ("query-coord", up, false)]
        {
            let json = format!(
                r#"{{"brokers": {{{brokers}}}, "cgrp": {{"state": "{state}", "join_state": "init"}}}}"#
            );
            let seen = Statistics::read(json.as_bytes()).unwrap();
            assert_eq!(seen.forsaken(), forsaken, "{json}");
        }
    }

    #[test]
    fn partitions_that_are_ours_and_not_begun_are_unread() {
        let of = |number: usize, state: &str| {
            format!(
                r#""{number}": {{"hi_offset": -1001, "next_offset": -1001,
                    "fetch_state": "{state}"}}"#
            )
        };
        let states = ["none", "stopped", "stopping", "active", "offset-query", "none"];
        let partitions: Vec<_> = states.iter().enumerate().map(|(n, state)| of(n, state)).collect();
        let topics = format!(r#"{{"camera_1": {{"partitions": {{{}}}}}}}"#, partitions.join(","));
        let statistics = Statistics::read(format!(r#"{{"topics": {topics}}}"#).as_bytes()).unwrap();
        let mut tracker = Tracker::default();
        let ours = |number| Partition { topic: "camera_1".into(), number };
        (0..5).for_each(|number| tracker.assign(ours(number)));
        let sight = statistics.sight(&tracker);
        assert_eq!((sight.partitions, sight.unread), (5, 3));
        tracker.assign(ours(6));
        assert_eq!(statistics.sight(&tracker).unread, 4, "one that is not in the statistics yet");
    }
}
