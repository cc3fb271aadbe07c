use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_batcher::Latest;
use tokio::time::Instant;

use super::{
    in_flight::Permit,
    outcome::Tries,
    record::{Header, Record},
    topics::TopicPlace,
    tracker::{Epoch, Partition},
};

/// Where a record came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// Its partition.
    pub partition: Partition,
    /// Its offset there.
    pub offset: i64,
}

/// A record that was taken and has entries to end. It lives as long as any of them, and with it
/// its place among the records in flight.
#[derive(Debug)]
pub struct TakenRecord {
    /// Where it came from.
    pub source: Source,
    /// The stay of its partition in which it was taken.
    pub epoch: Epoch,
    /// What it says.
    pub record: Record,
    /// Its original key, value and headers, for the dead-letter topic.
    pub original: Original,
    /// When its frame becomes too old.
    pub deadline: Option<Instant>,
    /// Its place among the records of its topic, where its ends are counted.
    pub topic: TopicPlace,
    /// What makes a newer record of its camera replace it, if it is to be.
    pub latest: Option<Latest>,
    /// How many records it stands for: 1, or as many as were skipped together, of which `source`
    /// names the first.
    pub records: u64,
    /// Its place; given back when the last of its entries ended.
    pub _permit: Permit,
}

/// A record as it stood in the topic.
#[derive(Debug, Clone, Default)]
pub struct Original {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order.
    pub headers: Vec<Header>,
}

/// One record at one model.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The record.
    pub taken: Arc<TakenRecord>,
    /// The model.
    pub model: Arc<str>,
    /// Its failed tries so far.
    pub tries: Tries,
}

/// Until when a frame is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Already older than `max_frame_age`.
    TooOld,
    /// Of use until then, or without end.
    Until(Option<Instant>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl Original {
    /// How much memory it holds.
    pub fn bytes(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + length(value));
        length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }
}

impl Entry {
    /// The stable name of its result: `topic:partition:offset:model`.
    pub fn id(&self) -> String {
        format!("{}:{}", self.taken.source, self.model)
    }

    /// How old the frame is, if it says when it was captured. One from the future is new.
    pub fn frame_age(&self) -> Option<Duration> {
        self.taken.record.captured_at.map(|captured_at| age(captured_at, SystemTime::now()))
    }
}

impl Freshness {
    /// A frame captured then, judged now. Without a capture time its age counts from now, and a
    /// capture time in the future (a camera's clock is ahead) counts as now.
    pub fn of(
        captured_at: Option<SystemTime>,
        max_frame_age: Option<Duration>,
        now: (SystemTime, Instant),
    ) -> Self {
        let Some(max) = max_frame_age else { return Self::Until(None) };
        let age = captured_at.map_or(Duration::ZERO, |captured_at| age(captured_at, now.0));
        match max.checked_sub(age) {
            None => Self::TooOld,
            Some(left) => Self::Until(now.1.checked_add(left)),
        }
    }

    /// Until when, if there is an end.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Self::TooOld => None,
            Self::Until(deadline) => deadline,
        }
    }
}

fn age(captured_at: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(captured_at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_counts_from_the_capture() {
        let now = (SystemTime::now(), Instant::now());
        let second = Duration::from_secs(1);
        let of = |captured_at| Freshness::of(captured_at, Some(second * 2), now);
        assert_eq!(of(Some(now.0 - second)), Freshness::Until(Some(now.1 + second)));
        assert_eq!(of(Some(now.0 - second * 3)), Freshness::TooOld);
        assert_eq!(of(Some(now.0 + second * 9)), Freshness::Until(Some(now.1 + second * 2)));
        assert_eq!(of(None), Freshness::Until(Some(now.1 + second * 2)));
        assert_eq!(Freshness::of(Some(now.0 - second), None, now), Freshness::Until(None));
    }
}
