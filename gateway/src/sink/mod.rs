//! Sinks: where results go. A sink acknowledges what it can be relied on to keep; only then is an
//! entry's outcome known, and its offset may be committed.

mod jsonl;
mod kafka;

use std::{future::Future, io, pin::Pin, sync::Arc};

use anyhow::Context;

pub(crate) use self::kafka::{error_instead, headers, producer_settings};
use self::{jsonl::JsonlSink, kafka::KafkaSink};
use crate::policy;

/// The sinks of the policy. All of them are required: each must acknowledge each result.
pub struct Sinks {
    sinks: Vec<Arc<dyn Sink>>,
    kafka: Vec<policy::KafkaSink>,
}

/// A place where results go.
pub trait Sink: Send + Sync + 'static {
    /// Takes everything in the batch and answers when it is kept. After an error nothing of it
    /// counts as taken, and the batch may be delivered again.
    fn deliver(&self, batch: Arc<Batch>) -> Acknowledged<'_>;

    /// Answers when everything that was delivered before is kept.
    fn flush(&self) -> Acknowledged<'_>;

    /// What it is called in logs.
    fn name(&self) -> &str;
}

/// Resolves when a sink has kept what it was given.
pub type Acknowledged<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// Results and drops on their way into the sinks.
#[derive(Debug, Default)]
pub struct Batch {
    /// Result records.
    pub results: Vec<SinkRecord>,
    /// Lines of the drop log.
    pub drops: Vec<SinkRecord>,
}

/// One record for a sink.
#[derive(Debug)]
pub struct SinkRecord {
    /// Its camera, by which sinks that have partitions or order keep records together.
    pub camera_id: Arc<str>,
    /// What it is about, for sinks whose readers choose by it.
    pub about: About,
    /// One JSON object, without a line break.
    pub json: Vec<u8>,
}

/// What a record is about, as its JSON also says.
#[derive(Debug, Default)]
pub struct About {
    /// `topic:partition:offset:model`; the same each time that the record is delivered.
    pub id: String,
    /// The model.
    pub model: Arc<str>,
    /// The model's version, if it has answered.
    pub version: Option<Arc<str>>,
    /// Why there is an error instead of a result, or why the entry was dropped.
    pub reason: Option<&'static str>,
    /// The W3C trace context of the frame's record.
    pub traceparent: Option<String>,
}

/// Why a sink has not kept what it was given.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file could not be written.
    #[error("writing failed: {0}")]
    Write(Arc<io::Error>),
    /// Not all of it was acknowledged by a broker.
    #[error("not acknowledged by kafka: {0}")]
    Broker(String),
    /// It panicked.
    #[error("the sink panicked")]
    Panicked,
    /// The sink's writer has ended.
    #[error("the sink is closed")]
    Closed,
}

impl Sinks {
    /// Opens the sinks of the policy, creating files and folders that are missing.
    ///
    /// # Errors
    /// The first sink that cannot be opened, why, and what to do.
    pub async fn open(sinks: &[policy::Sink]) -> anyhow::Result<Self> {
        let mut opened: Vec<Arc<dyn Sink>> = Vec::with_capacity(sinks.len());
        for sink in sinks {
            opened.push(open(sink).await?);
        }
        let kafka = sinks.iter().filter_map(|sink| match sink {
            policy::Sink::Kafka(kafka) => Some((**kafka).clone()),
            policy::Sink::Jsonl(_) => None,
        });
        Ok(Self { sinks: opened, kafka: kafka.collect() })
    }

    /// These sinks.
    pub fn of(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks, kafka: Vec::new() }
    }

    /// Those of Kafka topics, for who writes there in transactions of its own.
    pub fn kafka(&self) -> &[policy::KafkaSink] {
        &self.kafka
    }

    /// Each sink.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Sink>> {
        self.sinks.iter()
    }

    /// Waits until each sink keeps everything that was delivered before; one that cannot is logged.
    pub async fn flush(&self) {
        for sink in &self.sinks {
            if let Err(error) = sink.flush().await {
                tracing::error!(sink = sink.name(), %error, "sink not flushed");
            }
        }
    }
}

async fn open(sink: &policy::Sink) -> anyhow::Result<Arc<dyn Sink>> {
    Ok(match sink {
        policy::Sink::Jsonl(jsonl) => {
            let opened = JsonlSink::open(jsonl).await;
            Arc::new(opened.context("a jsonl sink of the policy cannot be used")?)
        }
        policy::Sink::Kafka(kafka) => {
            let opened = KafkaSink::open(kafka);
            Arc::new(opened.context("a kafka sink of the policy cannot be used")?)
        }
    })
}
