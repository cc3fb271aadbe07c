use std::{
    sync::{Mutex, MutexGuard},
    time::SystemTime,
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::KafkaError,
};

use super::{beginning, group::Group};
use crate::kafka::Logging;

/// What librdkafka calls back: all from within the consumer's poll and its drop, so on the
/// consumer's thread. The lock is there because a context is shared by its type; it is never held
/// across a poll and never waited for.
pub(super) struct GroupContext {
    group: Mutex<Group>,
    /// Under `start: latest`, when the consumer was started.
    begins_since: Option<SystemTime>,
    pub(super) logging: Logging,
}

impl GroupContext {
    /// Under `start: latest`, `begins_since` is the time of the consumer's start.
    pub(super) fn new(group: Group, begins_since: Option<SystemTime>) -> Self {
        Self { group: Mutex::new(group), begins_since, logging: Logging::default() }
    }

    /// The group; not to be held across a poll.
    pub(super) fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.logging.line(level, facility, line);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.group().measure(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.logging.trouble(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    /// Before partitions leave, their offsets can still be committed; before they come, it can be
    /// said where they begin.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match (rebalance, self.begins_since) {
            (Rebalance::Revoke(partitions), _) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                self.group().revoke(consumer, partitions);
            }
            (Rebalance::Assign(partitions), Some(since)) if partitions.count() > 0 => {
                beginning::begin_since(consumer, partitions, since);
            }
            _ => {}
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned");
                self.group().assigned(consumer, partitions);
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::error!(%error, "rebalance failed"),
        }
    }
}
