use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use metrics::{Counter, Gauge};

use super::{
    backlog::PartitionEnd,
    entry::Source,
    lag::{Look, PartitionLag},
    outcome::{DropReason, OutcomeKind},
    tracker::{Partition, Tracker},
};
use crate::metrics::{Registry, names};

/// What is counted for each topic of a group. It is told what happens to the assigned partitions,
/// by the consumer's thread alone, and hands out a [`TopicPlace`] for each record.
///
/// Topics are what the policy subscribes to, so records make no series. Of the first
/// [`MAX_TOPICS`] each has its own; further ones share one. A topic that went away keeps its counts
/// and has zeros for gauges.
pub struct Topics {
    source: TopicSource,
    topics: Vec<Arc<TopicMetrics>>,
    by_name: HashMap<Arc<str>, usize>,
    partitions: HashMap<Partition, Stay>,
}

/// Where the metrics of a group's topics are registered.
#[derive(Clone)]
pub struct TopicSource {
    registry: Registry,
    group: Arc<str>,
}

/// The place of a record in flight among those of its topic; given back when it is dropped.
pub struct TopicPlace(Arc<TopicMetrics>);

/// The handles of one topic.
struct TopicMetrics {
    lag_records: Gauge,
    lag_seconds: Gauge,
    paused: Gauge,
    in_flight: Gauge,
    committed: Counter,
    drops: HashMap<DropReason, Counter>,
    dead_letters: Counter,
}

/// One stay of a partition with this consumer.
struct Stay {
    /// The index of its topic.
    topic: usize,
    lag: PartitionLag,
    /// Offsets below it were counted as committed, or were not for us to commit.
    counted: Option<i64>,
}

/// What the partitions of a topic come to at one look.
#[derive(Clone, Copy, Default)]
struct Sum {
    records: i64,
    age: Duration,
    paused: u32,
}

/// Topics with series of their own, for each group.
pub const MAX_TOPICS: usize = 2000;

/// The `topic` label of all further ones.
const OTHER: &str = "other";

impl TopicSource {
    /// For the topics of `group`.
    pub fn new(registry: &Registry, group: &str) -> Self {
        Self { registry: registry.clone(), group: group.into() }
    }
}

impl Topics {
    /// No topic yet.
    pub fn new(source: TopicSource) -> Self {
        let (by_name, partitions) = (HashMap::new(), HashMap::new());
        Self { source, topics: Vec::new(), by_name, partitions }
    }

    /// The partition is this consumer's from now on.
    pub fn assigned(&mut self, partition: &Partition, now: SystemTime) {
        let topic = self.index(&partition.topic);
        let stay = Stay { topic, lag: PartitionLag::new(now), counted: None };
        self.partitions.insert(partition.clone(), stay);
    }

    /// The partition is no longer this consumer's.
    pub fn revoked(&mut self, partition: &Partition) {
        self.partitions.remove(partition);
    }

    /// A record was taken that was written then. It is to be of an assigned partition; of another,
    /// it is only in flight.
    pub fn taken(&mut self, source: &Source, written: SystemTime, now: SystemTime) -> TopicPlace {
        let topic = match self.partitions.get_mut(&source.partition) {
            Some(stay) => {
                stay.lag.taken(source.offset, written, now);
                stay.counted.get_or_insert(source.offset);
                stay.topic
            }
            None => self.index(&source.partition.topic),
        };
        TopicPlace::new(&self.topics[topic])
    }

    /// A commit was acknowledged.
    pub fn committed(&mut self, offsets: &[(Partition, i64)]) {
        for (partition, offset) in offsets {
            let Some(stay) = self.partitions.get_mut(partition) else { continue };
            let before = stay.counted.replace(*offset).unwrap_or(*offset);
            let records = u64::try_from(offset - before).unwrap_or_default();
            self.topics[stay.topic].committed.increment(records);
        }
    }

    /// Sets the gauges: `ends` are the known ends of assigned partitions, `paused` says of which
    /// nothing is fetched.
    pub fn measure(
        &mut self,
        ends: &[PartitionEnd],
        tracker: &Tracker,
        paused: impl Fn(&Partition) -> bool,
        now: SystemTime,
    ) {
        let left: HashMap<&Partition, i64> =
            ends.iter().map(|end| (&end.partition, end.records())).collect();
        let mut sums = vec![Sum::default(); self.topics.len()];
        for (partition, stay) in &mut self.partitions {
            let (left, paused) = (left.get(partition), paused(partition));
            let unfinished = tracker.first_waiting(partition);
            let look = Look { unfinished, all_taken: left == Some(&0) && !paused, now };
            let sum = &mut sums[stay.topic];
            sum.records += left.unwrap_or(&0);
            sum.age = sum.age.max(stay.lag.age(look));
            sum.paused += u32::from(paused);
        }
        for (topic, sum) in self.topics.iter().zip(sums) {
            topic.lag_records.set(sum.records as f64);
            topic.lag_seconds.set(sum.age.as_secs_f64());
            topic.paused.set(f64::from(sum.paused));
        }
    }

    fn index(&mut self, topic: &Arc<str>) -> usize {
        let own = self.by_name.contains_key(topic) || self.by_name.len() < MAX_TOPICS;
        let name = if own { Arc::clone(topic) } else { OTHER.into() };
        let (next, source) = (self.topics.len(), &self.source);
        let topics = &mut self.topics;
        *self.by_name.entry(name).or_insert_with_key(|name| {
            topics.push(Arc::new(TopicMetrics::new(source, name)));
            next
        })
    }
}

impl TopicPlace {
    fn new(topic: &Arc<TopicMetrics>) -> Self {
        topic.in_flight.increment(1.0);
        Self(Arc::clone(topic))
    }

    /// The place of a record of `topic` that nobody consumed.
    #[cfg(test)]
    pub fn of_test(registry: &Registry, group: &str, topic: &str) -> Self {
        Self::new(&Arc::new(TopicMetrics::new(&TopicSource::new(registry, group), topic)))
    }

    /// An entry ended that stands for so many records.
    pub fn ended(&self, outcome: OutcomeKind, records: u64) {
        match outcome {
            OutcomeKind::Delivered => {}
            OutcomeKind::Dropped(reason) => {
                if let Some(counter) = self.0.drops.get(&reason) {
                    counter.increment(records);
                }
            }
            OutcomeKind::DeadLettered(_) => self.0.dead_letters.increment(1),
        }
    }
}

impl Drop for TopicPlace {
    fn drop(&mut self) {
        self.0.in_flight.decrement(1.0);
    }
}

impl std::fmt::Debug for TopicPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TopicPlace")
    }
}

impl TopicMetrics {
    fn new(source: &TopicSource, topic: &str) -> Self {
        let TopicSource { registry, group } = source;
        let labels = [("group", &**group), ("topic", topic)];
        let gauge = |metric| registry.gauge(metric, &labels);
        let drops = |reason: &DropReason| {
            let labels = [labels[0], labels[1], ("reason", reason.name())];
            (*reason, registry.counter(names::TOPIC_DROPS, &labels))
        };
        Self {
            lag_records: gauge(names::TOPIC_LAG_RECORDS),
            lag_seconds: gauge(names::TOPIC_LAG_SECONDS),
            paused: gauge(names::TOPIC_PAUSED_PARTITIONS),
            in_flight: gauge(names::TOPIC_IN_FLIGHT),
            committed: registry.counter(names::TOPIC_COMMITTED, &labels),
            drops: DropReason::ALL.iter().map(drops).collect(),
            dead_letters: registry.counter(names::TOPIC_DEAD_LETTERS, &labels),
        }
    }
}

#[cfg(test)]
mod tests;
