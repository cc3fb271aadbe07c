use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;

use crate::ingest::{
    backlog::PartitionEnd,
    tracker::{Partition, Tracker},
};

/// What we read of librdkafka's statistics (its STATISTICS.md). Its own `consumer_lag` counts from
/// the committed offset, so it holds what is in flight; ours counts from what was taken.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: HashMap<Arc<str>, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: HashMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    /// The offset after the partition's last record; negative while unknown.
    hi_offset: i64,
    /// The next offset to be fetched; negative while unknown. (What was fetched and not handed out
    /// cannot be told: `fetchq_cnt` is that of all partitions together, which share a queue.)
    next_offset: i64,
}

/// The ends of the assigned partitions, as far as they are known.
pub(super) fn partition_ends(json: &[u8], tracker: &Tracker) -> Vec<PartitionEnd> {
    let statistics: Statistics = match serde_json::from_slice(json) {
        Ok(statistics) => statistics,
        Err(error) => {
            tracing::debug!(%error, "librdkafka's statistics cannot be read");
            return Vec::new();
        }
    };
    let end = |partition: &Partition| {
        let topic = statistics.topics.get(&partition.topic)?;
        let seen = topic.partitions.values().find(|seen| seen.partition == partition.number)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assigned_partitions_with_known_ends_count() {
        let json = br#"{"name": "x", "topics": {"camera_1": {"partitions": {
            "0": {"partition": 0, "hi_offset": 50, "next_offset": 40},
            "1": {"partition": 1, "hi_offset": 50, "next_offset": 40},
            "2": {"partition": 2, "hi_offset": -1001, "next_offset": 0},
            "-1": {"partition": -1, "hi_offset": 9, "next_offset": 0},
            "3": {"partition": 3, "hi_offset": 50, "next_offset": 40}}}}}"#;
        let mut tracker = Tracker::default();
        let partition = |number| Partition { topic: "camera_1".into(), number };
        (0..3).for_each(|number| tracker.assign(partition(number)));
        tracker.take(&partition(1), 29, 1).unwrap();
        let mut ends = partition_ends(json, &tracker);
        ends.sort_by_key(|end| end.partition.number);
        let found: Vec<_> = ends.iter().map(|e| (e.partition.number, e.end, e.position)).collect();
        assert_eq!(found, [(0, 50, 40), (1, 50, 30)]);
        assert!(partition_ends(b"no json", &tracker).is_empty());
    }
}
