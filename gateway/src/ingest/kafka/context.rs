use std::sync::{Mutex, MutexGuard};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::KafkaError,
};

use super::group::Group;
use crate::kafka::Logging;

/// What librdkafka calls back: all from within the consumer's poll and its drop, so on the
/// consumer's thread. The lock is there because a context is shared by its type; it is never held
/// across a poll and never waited for.
pub(super) struct GroupContext {
    group: Mutex<Group>,
    pub(super) logging: Logging,
}

impl GroupContext {
    pub(super) fn new(group: Group) -> Self {
        Self { group: Mutex::new(group), logging: Logging::default() }
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
    /// Before partitions leave: their offsets can still be committed.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            tracing::info!(partitions = partitions.count(), "partitions revoked");
            self.group().revoke(consumer, partitions);
        }
    }

    /// After partitions came: only now can they be paused.
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
