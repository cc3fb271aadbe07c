//! `sinks:` where results of ingested records go.

use std::path::PathBuf;
use std::time::Duration;

use serde_saphyr::Spanned;

use super::checks::Checks;
use super::errors::quote;
use super::key::Key;
use super::paths::Base;
use super::raw::{
    RawCompression, RawFsync, RawJsonl, RawKafkaSink, RawPolicy, RawRotate, RawSink, Text,
};
use super::security::Security;
use super::topics::{check_brokers, check_topic, share_a_broker};
use super::units::{BYTES, DURATION, whole};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(8760 * 3600);

pub(super) const ROTATE_SIZE: Key<u64> = Key::new(BYTES, 4 << 10, 1 << 40).or_words("none");
pub(super) const ROTATE_INTERVAL: Key<Duration> = Key::new(DURATION, SECOND, YEAR).or_words("none");
pub(super) const ROTATE_KEEP: Key<usize> = Key::new(whole(), 0, 100_000).or_words("all");
const FSYNC_EVERY: Key<Duration> = Key::new(DURATION, Duration::from_millis(10), HOUR);
pub(super) const LINGER: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, Duration::from_secs(10)).or(Duration::from_millis(5));
pub(super) const MESSAGE_TIMEOUT: Key<Duration> =
    Key::new(DURATION, SECOND, HOUR).or(Duration::from_secs(30));
pub(super) const MAX_MESSAGE_BYTES: Key<u64> = Key::new(BYTES, 1 << 10, 64 << 20).or(1_000_000);
pub(super) const MAX_QUEUED_MESSAGES: Key<usize> = Key::new(whole(), 1, 1_000_000).or(10_000);
pub(super) const MAX_QUEUED_BYTES: Key<u64> = Key::new(BYTES, 1 << 20, 2 << 30).or(64 << 20);

/// Where results of ingested records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// A file of one JSON object per line.
    Jsonl(JsonlSink),
    /// A Kafka topic.
    Kafka(Box<KafkaSink>),
}

/// A file of one JSON object per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonlSink {
    /// The file of results, absolute; no other sink writes it.
    pub path: PathBuf,
    /// The file of one line per dropped (record, model), absolute; none are written without it.
    pub drops: Option<PathBuf>,
    /// When a file is put aside for a new one; never by default.
    pub rotate: Option<Rotation>,
    /// When lines are forced onto the disk.
    pub fsync: Fsync,
}

/// When a file is put aside for a new one: by `size`, by `interval`, or by whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would grow beyond so many bytes, 4 KiB to 1 TiB.
    pub size: Option<u64>,
    /// So long after it was begun, 1 s to 8,760 h.
    pub interval: Option<Duration>,
    /// So many files that were put aside stay, 0 to 100,000; all by default.
    pub keep: Option<usize>,
}

/// When lines are forced onto the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// When the operating system sees fit. The default.
    Never,
    /// Before they are acknowledged.
    Batch,
    /// At most so long after they were acknowledged, 10 ms to 1 h.
    Every(Duration),
}

/// A Kafka topic of one record per result, keyed by camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSink {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// How the brokers are reached.
    pub security: Security,
    /// The topic of results; no ingest of the same brokers reads it.
    pub topic: String,
    /// The topic of one record per dropped (record, model); none are written without it.
    pub drops: Option<String>,
    /// How batches are compressed; not by default.
    pub compression: Compression,
    /// How long a record may wait for others to be sent with. Default 5 ms, 0 to 10 s.
    pub linger: Duration,
    /// How long a record may be under way before it is delivered anew. Default 30 s, 1 s to 1 h.
    pub message_timeout: Duration,
    /// The largest record, in bytes. Default 1,000,000, 1 KiB to 64 MiB.
    pub max_message_bytes: u64,
    /// Records under way, at most. Default 10,000, 1 to 1,000,000.
    pub max_queued_messages: usize,
    /// Bytes under way, at most. Default 64 MiB, 1 MiB to 2 GiB.
    pub max_queued_bytes: u64,
}

/// How a producer compresses its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Small, and slow to make.
    Gzip,
    /// Quick.
    Snappy,
    /// Quick, and smaller than snappy.
    Lz4,
    /// Smaller than gzip, and quicker.
    Zstd,
}

impl Compression {
    /// What policies and Kafka call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// What the sinks so far write to.
#[derive(Default)]
struct Written<'a> {
    files: Vec<PathBuf>,
    /// Brokers and topic.
    topics: Vec<(&'a Text, &'a Text)>,
}

pub(super) fn resolve(raw: &[RawSink], base: &Base, checks: &mut Checks) -> Vec<Sink> {
    let mut written = Written::default();
    raw.iter()
        .map(|sink| match sink {
            RawSink::Jsonl(raw) => Sink::Jsonl(JsonlSink::resolve(raw, &mut written, base, checks)),
            RawSink::Kafka(raw) => {
                Sink::Kafka(Box::new(KafkaSink::resolve(raw, &mut written, base, checks)))
            }
        })
        .collect()
}

/// The Kafka sinks as they were written.
pub(super) fn kafka(raw: &RawPolicy) -> impl Iterator<Item = &RawKafkaSink> {
    raw.sinks.iter().flatten().filter_map(|sink| match sink {
        RawSink::Kafka(kafka) => Some(&**kafka),
        RawSink::Jsonl(_) => None,
    })
}

impl JsonlSink {
    fn resolve(raw: &RawJsonl, written: &mut Written, base: &Base, checks: &mut Checks) -> Self {
        Self {
            path: written.file(&raw.path, base, checks),
            drops: raw.drops.as_ref().map(|drops| written.file(drops, base, checks)),
            rotate: raw.rotate.as_ref().map(|rotate| Rotation::resolve(rotate, checks)),
            fsync: raw.fsync.as_ref().map_or(Fsync::Never, |fsync| Fsync::resolve(fsync, checks)),
        }
    }
}

impl Rotation {
    fn resolve(raw: &Spanned<RawRotate>, checks: &mut Checks) -> Self {
        let RawRotate { size, interval, keep } = &raw.value;
        if size.is_none() && interval.is_none() {
            checks.wrong(raw, "`size`, `interval` or both say when to rotate; write one");
        }
        Self {
            size: size.as_ref().map(|size| checks.required(size, ROTATE_SIZE)),
            interval: interval.as_ref().map(|interval| checks.required(interval, ROTATE_INTERVAL)),
            keep: keep.as_ref().map(|keep| checks.required(keep, ROTATE_KEEP)),
        }
    }
}

impl Fsync {
    fn resolve(raw: &RawFsync, checks: &mut Checks) -> Self {
        match raw {
            RawFsync::Never => Self::Never,
            RawFsync::Batch => Self::Batch,
            RawFsync::Every(interval) => Self::Every(checks.required(interval, FSYNC_EVERY)),
        }
    }
}

impl KafkaSink {
    fn resolve<'a>(
        raw: &'a RawKafkaSink,
        written: &mut Written<'a>,
        base: &Base,
        checks: &mut Checks,
    ) -> Self {
        check_brokers(&raw.brokers, checks);
        written.topic(&raw.brokers, &raw.topic, checks);
        if let Some(drops) = &raw.drops {
            written.topic(&raw.brokers, drops, checks);
        }
        let sink = Self {
            brokers: raw.brokers.value.clone(),
            security: Security::resolve(raw.security.as_ref(), &raw.brokers.value, base, checks),
            topic: raw.topic.value.clone(),
            drops: raw.drops.as_ref().map(|drops| drops.value.clone()),
            compression: Compression::from(raw.compression.unwrap_or_default()),
            linger: checks.value(&raw.linger, LINGER),
            message_timeout: checks.value(&raw.message_timeout, MESSAGE_TIMEOUT),
            max_message_bytes: checks.value(&raw.max_message_bytes, MAX_MESSAGE_BYTES),
            max_queued_messages: checks.value(&raw.max_queued_messages, MAX_QUEUED_MESSAGES),
            max_queued_bytes: checks.value(&raw.max_queued_bytes, MAX_QUEUED_BYTES),
        };
        sink.check(raw, checks);
        sink
    }

    /// A wait ends before its record is given up, and the largest record has a place.
    fn check(&self, raw: &RawKafkaSink, checks: &mut Checks) {
        if self.linger >= self.message_timeout {
            let reason = "linger must be shorter than message_timeout";
            checks.wrong_together(
                &[raw.linger.as_ref(), raw.message_timeout.as_ref()],
                reason.to_owned(),
            );
        }
        if self.max_message_bytes > self.max_queued_bytes {
            let reason = "max_message_bytes may be at most max_queued_bytes";
            checks.wrong_together(
                &[raw.max_message_bytes.as_ref(), raw.max_queued_bytes.as_ref()],
                reason.to_owned(),
            );
        }
    }
}

impl From<RawCompression> for Compression {
    fn from(raw: RawCompression) -> Self {
        match raw {
            RawCompression::None => Self::None,
            RawCompression::Gzip => Self::Gzip,
            RawCompression::Snappy => Self::Snappy,
            RawCompression::Lz4 => Self::Lz4,
            RawCompression::Zstd => Self::Zstd,
        }
    }
}

impl<'a> Written<'a> {
    /// The file in `text`, which nothing else writes.
    fn file(&mut self, text: &Text, base: &Base, checks: &mut Checks) -> PathBuf {
        let path = base.path(text, checks);
        if self.files.contains(&path) {
            checks.wrong(text, "another sink writes this file already; name another");
        }
        self.files.push(path.clone());
        path
    }

    /// Checks a topic, which nothing else writes.
    fn topic(&mut self, brokers: &'a Text, topic: &'a Text, checks: &mut Checks) {
        check_topic(topic, checks);
        let same = |(others, other): &(&Text, &Text)| {
            other.value == topic.value && share_a_broker(&others.value, &brokers.value)
        };
        if self.topics.iter().any(same) {
            let topic_name = quote(&topic.value);
            checks.wrong(topic, format!("a sink writes {topic_name} already; name another"));
        }
        self.topics.push((brokers, topic));
    }
}
