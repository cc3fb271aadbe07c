use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::KafkaError,
};

use super::{beginning, group::SharedGroup, statistics::Statistics};
use crate::kafka::Watch;

/// The client of a consumer.
pub(super) type Client = BaseConsumer<GroupContext>;

/// What librdkafka calls back: all from within the client's poll and its drop, so on the consumer's
/// thread. One that is given up is closed elsewhere; by then, its calls change nothing.
pub(super) struct GroupContext {
    group: SharedGroup,
    given_up: AtomicBool,
    /// Under `start: latest`, when the consumer was started.
    begins_since: Option<SystemTime>,
    pub(super) watch: Watch,
}

impl GroupContext {
    /// Under `start: latest`, `begins_since` is the time of the consumer's start.
    pub(super) fn new(group: SharedGroup, begins_since: Option<SystemTime>) -> Self {
        let given_up = AtomicBool::new(false);
        Self { group, given_up, begins_since, watch: Watch::default() }
    }

    /// What the client calls back is not for the group any more.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.line(level, facility, line);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Some(statistics) = Statistics::read(statistics) else { return };
        if statistics.forsaken() {
            self.watch.forsaken();
        }
        if !self.is_given_up() {
            self.group.lock().measure(&statistics);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.trouble(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    /// Before partitions leave, their offsets can still be committed; before they come, it can be
    /// said where they begin.
    fn pre_rebalance(&self, consumer: &Client, rebalance: &Rebalance<'_>) {
        if self.is_given_up() {
            return;
        }
        match (rebalance, self.begins_since) {
            (Rebalance::Revoke(partitions), _) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                self.group.lock().revoke(consumer, partitions);
            }
            (Rebalance::Assign(partitions), Some(since)) if partitions.count() > 0 => {
                beginning::begin_since(consumer, partitions, since);
            }
            _ => {}
        }
    }

    fn post_rebalance(&self, consumer: &Client, rebalance: &Rebalance<'_>) {
        if self.is_given_up() {
            return;
        }
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned");
                self.group.lock().assigned(consumer, partitions);
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::error!(%error, "rebalance failed"),
        }
    }
}
