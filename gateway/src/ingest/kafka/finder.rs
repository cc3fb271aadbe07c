use std::time::Duration;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaResult,
};

use super::errands::Errands;
use crate::ingest::tracker::Partition;

/// Asks the broker about offsets, one question after the other.
pub(super) type Finder = Errands<Question, Answer>;

/// What is asked about partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// The offset of the first record stamped then (milliseconds since 1970) or later.
    Since(Vec<(Partition, i64)>),
    /// The offset after the last record.
    Ends(Vec<Partition>),
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// For each partition that was asked about; `None` where it is not known.
    Since(Vec<(Partition, Option<i64>)>),
    /// Where they are known.
    Ends(Vec<(Partition, i64)>),
}

/// How long one request to the broker may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(1);

/// Answers by asking the broker. What cannot be found out is unknown, which is no error: records
/// are then read and filtered one by one.
pub(super) fn find<C: ConsumerContext>(consumer: &BaseConsumer<C>, question: Question) -> Answer {
    let unknown = |error| {
        tracing::debug!(%error, "offsets not found");
        Vec::new()
    };
    match question {
        Question::Ends(partitions) => {
            Answer::Ends(ends(consumer, partitions.iter()).unwrap_or_else(unknown))
        }
        Question::Since(times) => {
            let found = since(consumer, &times).unwrap_or_else(unknown);
            let of = |partition| found.iter().find(|(p, _)| *p == partition).map(|(_, o)| *o);
            let answers =
                times.into_iter().map(|(partition, _)| (partition.clone(), of(partition)));
            Answer::Since(answers.collect())
        }
    }
}

/// The offset of the first record stamped then or later; where there is none, the end. Partitions
/// of which that is not known are left out.
pub(super) fn since<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    times: &[(Partition, i64)],
) -> KafkaResult<Vec<(Partition, i64)>> {
    // Before the times, so that none is passed over that is written in between.
    let ends = ends(consumer, times.iter().map(|(partition, _)| partition))?;
    let found = by_time(consumer, times.iter().map(|(p, time)| (p, *time)))?;
    // librdkafka's mock cluster knows no times and answers that there is no such record, ever.
    let any = by_time(consumer, times.iter().map(|(p, _)| (p, 0)))?;
    let offset = |(partition, end): (Partition, i64)| {
        let of = |found: &[(Partition, i64)]| {
            found.iter().find(|(p, _)| *p == partition).map(|(_, offset)| *offset)
        };
        match of(&found)? {
            NONE if of(&any)? == NONE && end > 0 => None,
            NONE => Some((partition, end)),
            offset => (0..=end).contains(&offset).then_some((partition, offset)),
        }
    };
    Ok(ends.into_iter().filter_map(offset).collect())
}

/// What a broker answers when no record is stamped so late, and what it takes as the time that
/// stands for the end.
const NONE: i64 = -1;

fn ends<'a, C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: impl Iterator<Item = &'a Partition>,
) -> KafkaResult<Vec<(Partition, i64)>> {
    let mut ends = by_time(consumer, partitions.map(|partition| (partition, NONE)))?;
    ends.retain(|(_, end)| *end >= 0);
    Ok(ends)
}

fn by_time<'a, C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    times: impl Iterator<Item = (&'a Partition, i64)>,
) -> KafkaResult<Vec<(Partition, i64)>> {
    let mut list = TopicPartitionList::new();
    for (partition, time) in times {
        list.add_partition_offset(&partition.topic, partition.number, Offset::from_raw(time))?;
    }
    let found = consumer.offsets_for_times(list, REQUEST_LIMIT)?;
    let answered = found.elements().into_iter().filter(|found| found.error().is_ok());
    Ok(answered
        .filter_map(|found| {
            let partition = Partition { topic: found.topic().into(), number: found.partition() };
            found.offset().to_raw().map(|offset| (partition, offset))
        })
        .collect())
}
