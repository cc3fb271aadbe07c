use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use framegate_replica::failpoint;
use rdkafka::error::{KafkaError, KafkaResult};

use crate::ingest::tracker::Partition;

/// Offsets to commit: that of the next record to be read, for each partition.
pub(super) type Offsets = Vec<(Partition, i64)>;

/// Has offsets committed on a thread of its own, one commit after the other, and hears how each went.
///
/// rdkafka's asynchronous commits give no answer (its `commit_callback` is for automatic ones), and
/// librdkafka puts them off while it has no coordinator and may then send an older one last. A
/// synchronous one is answered and ordered, but it can wait for a coordinator as long as a session,
/// and the consumer's thread must not.
pub(super) struct Committer {
    orders: Option<SyncSender<Offsets>>,
    answers: Receiver<Answer>,
    under_way: bool,
}

/// The part that does it, to be started once there is a consumer.
pub(super) struct Worker {
    orders: Receiver<Offsets>,
    answers: SyncSender<Answer>,
}

/// How a commit went.
pub(super) struct Answer {
    pub(super) offsets: Offsets,
    pub(super) result: KafkaResult<()>,
}

impl Committer {
    /// A committer and its worker.
    pub(super) fn new() -> (Self, Worker) {
        // One order and one answer at most, since there is one commit at a time.
        let (orders, received) = sync_channel(1);
        let (answers, answered) = sync_channel(1);
        let committer = Self { orders: Some(orders), answers: answered, under_way: false };
        (committer, Worker { orders: received, answers })
    }

    /// Whether a commit can begin.
    pub(super) fn is_idle(&self) -> bool {
        !self.under_way && self.orders.is_some()
    }

    /// Begins a commit; to be called when idle.
    pub(super) fn begin(&mut self, offsets: Offsets) {
        if let Some(orders) = &self.orders {
            self.under_way = orders.try_send(offsets).is_ok();
        }
    }

    /// The answer, if it has come.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        self.under_way = false;
        Some(answer)
    }

    /// The answer, if it comes until then and a commit is under way.
    pub(super) fn wait(&mut self, until: Instant) -> Option<Answer> {
        if !self.under_way {
            return None;
        }
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let answer = self.answers.recv_timeout(left).ok()?;
        self.under_way = false;
        Some(answer)
    }

    /// Takes no more commits, so that the worker ends after the one under way. True if none is.
    pub(super) fn close(&mut self) -> bool {
        self.orders = None;
        !self.under_way
    }
}

impl Worker {
    /// Starts the thread that calls `commit`, which may block. It ends after
    /// [`Committer::close`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(
        self,
        commit: impl Fn(&Offsets) -> KafkaResult<()> + Send + 'static,
    ) -> io::Result<thread::JoinHandle<()>> {
        let run = move || {
            while let Ok(offsets) = self.orders.recv() {
                let result = committed(&commit, &offsets);
                // Nobody listens any more once the consumer has given up waiting.
                let _ = self.answers.send(Answer { offsets, result });
            }
        };
        thread::Builder::new().name("kafka-committer".to_owned()).spawn(run)
    }
}

/// A panic is a commit that failed: otherwise none would follow, and nobody would know.
fn committed(commit: impl Fn(&Offsets) -> KafkaResult<()>, offsets: &Offsets) -> KafkaResult<()> {
    let step = || {
        failpoint!("commit.before", KafkaError::Canceled);
        commit(offsets)?;
        failpoint!("commit.after", KafkaError::Canceled);
        Ok(())
    };
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
        tracing::error!("commit panicked");
        Err(KafkaError::Canceled)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_panics_has_failed_and_the_next_can_follow() {
        let (mut committer, worker) = Committer::new();
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let first_panics = move |_: &Offsets| {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            assert!(call > 0, "the first of the test panics");
            Ok(())
        };
        let thread = worker.start(first_panics).unwrap();
        let offsets = vec![(Partition { topic: "camera_1".into(), number: 0 }, 5)];
        for expected in [Err(KafkaError::Canceled), Ok(())] {
            committer.begin(offsets.clone());
            let answer = committer.wait(Instant::now() + Duration::from_secs(60)).unwrap();
            assert_eq!((answer.offsets, answer.result), (offsets.clone(), expected));
        }
        assert!(committer.close());
        thread.join().unwrap();
    }

    #[test]
    fn there_is_one_commit_at_a_time_and_each_is_answered() {
        let (mut committer, worker) = Committer::new();
        let (allow, allowed) = sync_channel(1);
        let thread = worker.start(move |_| allowed.recv().unwrap()).unwrap();
        let offsets = vec![(Partition { topic: "camera_1".into(), number: 0 }, 5)];
        assert!(committer.is_idle());
        committer.begin(offsets.clone());
        assert!(!committer.is_idle());
        assert!(committer.answer().is_none());
        assert!(committer.wait(Instant::now()).is_none());
        assert!(!committer.is_idle(), "still under way");
        allow.send(Ok(())).unwrap();
        let answer = committer.wait(Instant::now() + Duration::from_secs(60)).unwrap();
        assert_eq!((answer.offsets, answer.result), (offsets, Ok(())));
        assert!(committer.is_idle() && committer.close() && !committer.is_idle());
        thread.join().unwrap();
    }
}
