use std::{sync::Arc, time::SystemTime};

use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::ingest::{
    entry::{Original, Source},
    record::{Header, RawRecord, broker_time},
    tracker::Partition,
};

/// A record out of librdkafka's buffers.
pub(super) struct Fetched {
    pub(super) source: Source,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) original: Original,
}

impl Fetched {
    pub(super) fn of(message: &BorrowedMessage) -> Self {
        let partition =
            Partition { topic: Arc::from(message.topic()), number: message.partition() };
        Self {
            source: Source { partition, offset: message.offset() },
            timestamp_ms: message.timestamp().to_millis(),
            original: Original {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map(headers).unwrap_or_default(),
            },
        }
    }

    /// When it was written, by Kafka's own timestamp.
    pub(super) fn written_at(&self) -> Option<SystemTime> {
        broker_time(self.timestamp_ms)
    }

    pub(super) fn raw(&self) -> RawRecord<'_> {
        RawRecord {
            topic: &self.source.partition.topic,
            key: self.original.key.as_deref(),
            value: self.original.value.as_deref(),
            headers: &self.original.headers,
            timestamp_ms: self.timestamp_ms,
        }
    }
}

fn headers(headers: &impl Headers) -> Vec<Header> {
    let owned = |header: rdkafka::message::Header<&[u8]>| {
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    };
    headers.iter().map(owned).collect()
}
