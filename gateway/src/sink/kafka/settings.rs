use rdkafka::ClientConfig;

use crate::{
    kafka,
    policy::{Compression, KafkaSink},
};

/// The settings of a sink's producer.
pub(crate) fn of(sink: &KafkaSink) -> ClientConfig {
    let mut config = kafka::producer(&sink.brokers, &sink.security);
    config
        .set("compression.type", codec(sink.compression))
        .set("linger.ms", sink.linger.as_millis().to_string())
        .set("message.timeout.ms", kafka::milliseconds(sink.message_timeout))
        .set("message.max.bytes", sink.max_message_bytes.to_string())
        .set("queue.buffering.max.messages", sink.max_queued_messages.to_string())
        .set("queue.buffering.max.kbytes", (sink.max_queued_bytes >> 10).to_string());
    config
}

fn codec(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}
