use rdkafka::{
    error::{KafkaResult, RDKafkaErrorCode},
    producer::BaseRecord,
};

use super::producer::{Producer, is};
use crate::{
    ingest::{
        delivery::{Ended, Message},
        hold_back::Held,
        kafka::dead_letters,
    },
    policy::KafkaSink,
    sink::{SinkRecord, error_instead, headers},
};
use framegate_proto::ServeError;

/// Where the messages of an entry go.
pub(super) struct Topics {
    /// Each result goes to all of them, each drop to those that have a topic for drops.
    pub(super) sinks: Vec<KafkaSink>,
    pub(super) dead_letter: Option<String>,
}

impl Topics {
    /// Enqueues every message of the entry, which is the `number`th of its order.
    ///
    /// # Errors
    /// See [`Producer::enqueue`].
    pub(super) fn write(&self, producer: &Producer, number: usize, held: &Held) -> KafkaResult<()> {
        match &held.ended.message {
            Message::Result(record) => self.sinks.iter().try_for_each(|sink| {
                let short = too_large(record, sink).then(|| error_instead(record));
                let value = short.as_deref().unwrap_or(&record.json);
                producer.enqueue(message(&sink.topic, record, value, number))
            }),
            Message::Drop(record) => {
                let topics = self.sinks.iter().filter_map(|sink| sink.drops.as_deref());
                topics
                    .map(|topic| message(topic, record, &record.json, number))
                    .try_for_each(|message| producer.enqueue(message))
            }
            Message::DeadLetter(error) => self.dead_letter(producer, number, held, error),
        }
    }

    /// One that is too large with its headers goes without its value: they say where that stands.
    fn dead_letter(
        &self,
        producer: &Producer,
        number: usize,
        held: &Held,
        error: &ServeError,
    ) -> KafkaResult<()> {
        let Some(topic) = &self.dead_letter else { return Ok(()) };
        if !held.too_large {
            let sent = producer.enqueue(letter(topic, &held.ended, error, number, false));
            match sent {
                Err(error) if is(&error, RDKafkaErrorCode::MessageSizeTooLarge) => {}
                sent => return sent,
            }
        }
        producer.enqueue(letter(topic, &held.ended, error, number, true))
    }
}

fn letter<'a>(
    topic: &'a str,
    Ended { entry, .. }: &'a Ended,
    error: &ServeError,
    number: usize,
    without_value: bool,
) -> BaseRecord<'a, [u8], [u8], usize> {
    let original = &entry.taken.original;
    let value = original.value.as_deref().filter(|_| !without_value);
    let omitted = without_value && original.value.is_some();
    BaseRecord {
        payload: value,
        key: original.key.as_deref(),
        headers: Some(dead_letters::headers(entry, error, omitted)),
        ..BaseRecord::with_opaque_to(topic, number)
    }
}

fn message<'a>(
    topic: &'a str,
    record: &'a SinkRecord,
    value: &'a [u8],
    number: usize,
) -> BaseRecord<'a, [u8], [u8], usize> {
    BaseRecord::with_opaque_to(topic, number)
        .key(record.camera_id.as_bytes())
        .payload(value)
        .headers(headers(record))
}

/// As librdkafka counts, which knows one limit for all topics of a producer.
fn too_large(record: &SinkRecord, sink: &KafkaSink) -> bool {
    let bytes = record.json.len() + record.camera_id.len();
    let large = bytes as u64 > sink.max_message_bytes;
    if large {
        tracing::error!(
            topic = sink.topic,
            id = record.about.id,
            bytes,
            "result larger than max_message_bytes, replaced by an error"
        );
    }
    large
}
