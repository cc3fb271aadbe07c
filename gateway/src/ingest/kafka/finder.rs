use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaResult,
};

use crate::ingest::tracker::Partition;

/// Asks the broker about offsets on a thread of its own, one question after the other: an answer
/// takes as long as the network, and the consumer's thread must not.
pub(super) struct Finder {
    questions: Option<SyncSender<Question>>,
    answers: Receiver<Answer>,
    under_way: bool,
}

/// The part that asks, to be started once there is a consumer.
pub(super) struct Asker {
    questions: Receiver<Question>,
    answers: SyncSender<Answer>,
}

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

impl Finder {
    /// A finder and its asker.
    pub(super) fn new() -> (Self, Asker) {
        // One question and one answer at most, since there is one at a time.
        let (questions, received) = sync_channel(1);
        let (answers, answered) = sync_channel(1);
        let finder = Self { questions: Some(questions), answers: answered, under_way: false };
        (finder, Asker { questions: received, answers })
    }

    /// Whether a question can be asked.
    pub(super) fn is_idle(&self) -> bool {
        !self.under_way && self.questions.is_some()
    }

    /// Asks; to be called when idle.
    pub(super) fn ask(&mut self, question: Question) {
        if let Some(questions) = &self.questions {
            self.under_way = questions.try_send(question).is_ok();
        }
    }

    /// The answer, if it has come.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        self.under_way = false;
        Some(answer)
    }

    /// Asks no more, so that the asker ends after the question under way. True if none is.
    pub(super) fn close(&mut self) -> bool {
        self.questions = None;
        !self.under_way
    }
}

impl Asker {
    /// Starts the thread that calls `find`, which may block. It ends after [`Finder::close`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(
        self,
        find: impl Fn(Question) -> Answer + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let run = move || {
            while let Ok(question) = self.questions.recv() {
                // Nobody listens any more once the consumer has left.
                let _ = self.answers.send(find(question));
            }
        };
        thread::Builder::new().name("kafka-finder".to_owned()).spawn(run)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_question_at_a_time_and_each_is_answered() {
        let (mut finder, asker) = Finder::new();
        let (allow, allowed) = sync_channel(1);
        let thread = asker
            .start(move |question| {
                allowed.recv().unwrap();
                let Question::Ends(partitions) = question else { panic!("{question:?}") };
                Answer::Ends(partitions.into_iter().map(|partition| (partition, 5)).collect())
            })
            .unwrap();
        let partition = Partition { topic: "camera_1".into(), number: 0 };
        assert!(finder.is_idle());
        finder.ask(Question::Ends(vec![partition.clone()]));
        assert!(!finder.is_idle() && finder.answer().is_none());
        allow.send(()).unwrap();
        assert_eq!(finder.answers.recv(), Ok(Answer::Ends(vec![(partition, 5)])));
        assert!(!finder.close(), "its answer was not taken through it");
        thread.join().unwrap();
    }
}
