//! Sinks: where results go. A sink acknowledges what it can be relied on to keep; only then is an
//! entry's outcome known, and its offset may be committed.

mod jsonl;
mod kafka;
mod set;

use std::{future::Future, io, pin::Pin, sync::Arc};

use arc_swap::ArcSwap;

pub(crate) use self::kafka::{error_instead, headers, producer_settings};
pub use self::set::SinkSet;
use crate::policy;

/// The sinks of the policy, as they come and go. All of them are required: each must acknowledge
/// each result.
pub struct Sinks {
    current: ArcSwap<SinkSet>,
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

    /// The policy with it is in force, so that it may set what it shares with a sink of before.
    fn begin(&self) -> Began<'_> {
        Box::pin(async {})
    }
}

/// Resolves when a sink has kept what it was given.
pub type Acknowledged<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// Resolves when a sink has begun.
pub type Began<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

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
        let opened = SinkSet::default().followed_by(sinks).await?;
        Ok(Self { current: ArcSwap::from_pointee(opened) })
    }

    /// These sinks.
    pub fn of(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { current: ArcSwap::from_pointee(SinkSet::of(sinks)) }
    }

    /// Those of now. What is delivered is delivered to all of one set.
    pub fn current(&self) -> Arc<SinkSet> {
        self.current.load_full()
    }

    /// Delivers to another set from now on; the old one is answered. What is on its way there ends
    /// there.
    pub async fn replace(&self, set: SinkSet) -> Arc<SinkSet> {
        for sink in set.iter() {
            sink.begin().await;
        }
        self.current.swap(Arc::new(set))
    }

    /// Those of Kafka topics, for who writes there in transactions of its own.
    pub fn kafka(&self) -> Vec<policy::KafkaSink> {
        self.current.load().kafka()
    }

    /// Waits until each sink keeps everything that was delivered before; one that cannot is logged.
    pub async fn flush(&self) {
        self.current().flush(|_| true).await;
    }
}
