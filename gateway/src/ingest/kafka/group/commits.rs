//! How the prefixes of done records are committed.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::consumer::Consumer;

use super::Group;
use crate::ingest::kafka::{
    committer::{Answer, Order},
    context::Client,
};

/// Records that a transaction holds at least before it is begun ahead of its time.
const TRANSACTION_RECORDS: usize = 1000;

/// How long a revocation and the last commit wait for the broker's answer. Without it the records
/// are read again.
const COMMIT_LIMIT: Duration = Duration::from_secs(5);

impl Group {
    /// Whether so many records wait to be committed in one transaction that the next one is not to
    /// wait for its time.
    pub(in crate::ingest::kafka) fn fills_a_transaction(&self) -> bool {
        self.hold_back.is_some() && self.tracker.passed() >= TRANSACTION_RECORDS
    }

    /// Begins to commit every prefix that grew, unless a commit is under way.
    pub(in crate::ingest::kafka) fn begin_commit(&mut self, consumer: &Client) {
        if !self.committer.is_idle() {
            return;
        }
        let grown = self.tracker.take_uncommitted();
        if !grown.is_empty() {
            let order = match &self.hold_back {
                None => Order::from(grown),
                // All on this thread, so all of the same stays of the partitions.
                Some(hold_back) => Order {
                    held: hold_back.take(&grown),
                    member: consumer.group_metadata().map(Arc::new),
                    offsets: grown,
                },
            };
            self.committer.begin(order);
        }
    }

    /// Takes note of the answer to a commit, if it has come.
    pub(in crate::ingest::kafka) fn note_answer(&mut self) {
        if let Some(answer) = self.committer.answer() {
            self.note_committed(answer);
        }
    }

    /// Commits for the last time, and waits for the answer. Whether it came, so that the committer
    /// ends; and whether the finder does.
    pub(in crate::ingest::kafka) fn close(&mut self, consumer: &Client) -> (bool, bool) {
        self.note_ended();
        self.commit_now(consumer);
        (self.committer.close(), self.finder.close())
    }

    /// Commits every prefix that grew and waits for the answer, at most [`COMMIT_LIMIT`].
    pub(in crate::ingest::kafka) fn commit_now(&mut self, consumer: &Client) {
        let until = Instant::now() + COMMIT_LIMIT;
        self.wait_for_answer(until);
        self.begin_commit(consumer);
        self.wait_for_answer(until);
    }

    fn wait_for_answer(&mut self, until: Instant) {
        if let Some(answer) = self.committer.wait(until) {
            self.note_committed(answer);
        }
    }

    /// What was refused is committed again, unless its partition has gone.
    fn note_committed(&mut self, answer: Answer) {
        let offsets = &answer.order.offsets;
        let partitions = offsets.len() as u64;
        let failed_before = mem::replace(&mut self.commits_fail, answer.result.is_err());
        if let Err(error) = &answer.result {
            self.metrics.failed_commits.increment(partitions);
            offsets.iter().for_each(|(name, _)| self.tracker.commit_failed(name));
            if let Some(hold_back) = &self.hold_back {
                hold_back.put_back(answer.order.held);
            }
            if !failed_before {
                tracing::warn!(%error, "offsets cannot be committed, trying again");
            }
        } else {
            self.metrics.commits.increment(partitions);
            self.topics.committed(offsets);
            if failed_before {
                tracing::info!("offsets are committed again");
            }
        }
    }
}
