use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};

/// A (frame, model) that ended in the dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// `topic:partition:offset:model` of the record it was made of.
    pub id: String,
    /// The model.
    pub model: String,
    /// Why it is there.
    pub reason: String,
}

/// How long the topic may take to be read.
const LIMIT: Duration = Duration::from_secs(10);

/// Reads all of a dead-letter topic. It blocks.
///
/// # Errors
/// When the broker does not answer in time, or a letter lacks its headers.
pub fn read_all(brokers: &str, topic: &str) -> anyhow::Result<Vec<DeadLetter>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "framegate-demo-reader")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let mut assignment = TopicPartitionList::new();
    let mut missing = 0;
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), LIMIT)?;
        missing += high - low;
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut letters, deadline) = (Vec::new(), Instant::now() + LIMIT);
    while missing > 0 {
        if Instant::now() > deadline {
            bail!("{missing} letters of {topic} could not be read within {LIMIT:?}");
        }
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            letters.push(letter(&message?)?);
            missing -= 1;
        }
    }
    Ok(letters)
}

fn letter(message: &BorrowedMessage) -> anyhow::Result<DeadLetter> {
    let header = |name: &str| {
        let headers = message.headers()?;
        let value = headers.iter().find(|header| header.key == name)?.value?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let needed = |name: &str| header(name).with_context(|| format!("a letter without {name}"));
    let source = ["framegate-topic", "framegate-partition", "framegate-offset"].map(needed);
    let [topic, partition, offset] = source;
    let model = needed("framegate-model")?;
    let id = format!("{}:{}:{}:{model}", topic?, partition?, offset?);
    Ok(DeadLetter { id, model, reason: needed("framegate-reason")? })
}
