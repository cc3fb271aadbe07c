use std::time::{Duration, SystemTime};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaResult,
};

use super::finder;
use crate::ingest::tracker::Partition;

/// How long a rebalance waits to hear what the group has committed.
const COMMITTED_LIMIT: Duration = Duration::from_secs(5);

/// `start: latest`: of the partitions that are about to be assigned, those of which the group has
/// committed nothing begin at the first record written since `started_at`. So a topic that came
/// into being since then is read from its first record on, and none is missed that is written
/// while the consumer joins.
///
/// If that cannot be found out, they begin at the end, by `auto.offset.reset`.
pub(super) fn begin_since<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
    started_at: SystemTime,
) {
    if let Err(error) = try_begin_since(consumer, partitions, started_at) {
        tracing::warn!(%error, "start of partitions not found; without a commit they begin at the end");
    }
}

fn try_begin_since<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
    started_at: SystemTime,
) -> KafkaResult<()> {
    let time = milliseconds(started_at);
    let committed = consumer.committed_offsets(partitions.clone(), COMMITTED_LIMIT)?;
    let new =
        committed.elements().into_iter().filter(|element| element.offset() == Offset::Invalid);
    let new = new.map(|element| {
        (Partition { topic: element.topic().into(), number: element.partition() }, time)
    });
    let new: Vec<(Partition, i64)> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    let found = finder::since(consumer, &new)?;
    for mut element in partitions.elements() {
        let is_it = |(p, _): &&(Partition, i64)| {
            (&*p.topic, p.number) == (element.topic(), element.partition())
        };
        if let Some((_, offset)) = found.iter().find(is_it) {
            element.set_offset(Offset::Offset(*offset))?;
        }
    }
    Ok(())
}

fn milliseconds(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
