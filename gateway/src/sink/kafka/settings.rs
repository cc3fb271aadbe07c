use rdkafka::ClientConfig;

use crate::{kafka, policy::KafkaSink};

/// The settings of a sink's producer.
pub(crate) fn of(sink: &KafkaSink) -> ClientConfig {
    let mut config = kafka::producer(&sink.brokers, &sink.security);
    config
        .set("compression.type", sink.compression.name())
        .set("linger.ms", sink.linger.as_millis().to_string())
        .set("message.timeout.ms", kafka::milliseconds(sink.message_timeout))
        .set("message.max.bytes", sink.max_message_bytes.to_string())
        .set("queue.buffering.max.messages", sink.max_queued_messages.to_string())
        .set("queue.buffering.max.kbytes", (sink.max_queued_bytes >> 10).to_string());
    config
}
