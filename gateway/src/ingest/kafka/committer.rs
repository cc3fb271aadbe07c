use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use framegate_replica::failpoint;
use rdkafka::{
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, KafkaResult},
};

use crate::ingest::{hold_back::Held, tracker::Partition};

/// Offsets to commit: that of the next record to be read, for each partition.
pub(super) type Offsets = Vec<(Partition, i64)>;

/// What is to be committed together.
pub(super) struct Order {
    pub(super) offsets: Offsets,
    /// Under `exactly_once`, what the same transaction writes; it is empty once that is committed.
    pub(super) held: Vec<Held>,
    /// Under `exactly_once`, the membership in which the offsets were come by: a coordinator
    /// refuses them once it is over.
    pub(super) member: Option<ConsumerGroupMetadata>,
}

/// Commits one order after the other, on a thread of its own where it may block.
pub(super) trait Commit: Send + 'static {
    /// Called once, before the first order comes.
    fn prepare(&mut self) {}

    /// Commits all of the order or nothing.
    ///
    /// # Errors
    /// Why nothing of it is committed.
    fn commit(&mut self, order: &mut Order) -> KafkaResult<()>;
}

/// Has offsets committed on a thread of its own, one commit after the other, and hears how each went.
///
/// rdkafka's asynchronous commits give no answer (its `commit_callback` is for automatic ones), and
/// librdkafka puts them off while it has no coordinator and may then send an older one last. A
/// synchronous one is answered and ordered, but it can wait for a coordinator as long as a session,
/// and the consumer's thread must not.
pub(super) struct Committer {
    orders: Option<SyncSender<Order>>,
    answers: Receiver<Answer>,
    under_way: bool,
}

/// The part that does it, to be started once there is a consumer.
pub(super) struct Worker {
    orders: Receiver<Order>,
    answers: SyncSender<Answer>,
}

/// How a commit went.
pub(super) struct Answer {
    pub(super) order: Order,
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
    pub(super) fn begin(&mut self, order: Order) {
        if let Some(orders) = &self.orders {
            self.under_way = orders.try_send(order).is_ok();
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

impl From<Offsets> for Order {
    /// Offsets alone.
    fn from(offsets: Offsets) -> Self {
        Self { offsets, held: Vec::new(), member: None }
    }
}

impl<F: FnMut(&Offsets) -> KafkaResult<()> + Send + 'static> Commit for F {
    fn commit(&mut self, order: &mut Order) -> KafkaResult<()> {
        self(&order.offsets)
    }
}

impl Worker {
    /// Starts the thread on which `committing` commits. It ends after [`Committer::close`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(
        self,
        mut committing: Box<dyn Commit>,
    ) -> io::Result<thread::JoinHandle<()>> {
        let run = move || {
            // What panicked is prepared again with the first order.
            let _ = catch_unwind(AssertUnwindSafe(|| committing.prepare()));
            while let Ok(mut order) = self.orders.recv() {
                let result = committed(&mut *committing, &mut order);
                // Nobody listens any more once the consumer has given up waiting.
                let _ = self.answers.send(Answer { order, result });
            }
        };
        thread::Builder::new().name("kafka-committer".to_owned()).spawn(run)
    }
}

/// A panic is a commit that failed: otherwise none would follow, and nobody would know.
fn committed(committing: &mut dyn Commit, order: &mut Order) -> KafkaResult<()> {
    let step = || {
        failpoint!("commit.before", KafkaError::Canceled);
        committing.commit(order)?;
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
        let thread = worker.start(Box::new(first_panics)).unwrap();
        let offsets = vec![(Partition { topic: "camera_1".into(), number: 0 }, 5)];
        for expected in [Err(KafkaError::Canceled), Ok(())] {
            committer.begin(offsets.clone().into());
            let answer = committer.wait(Instant::now() + Duration::from_secs(60)).unwrap();
            assert_eq!((answer.order.offsets, answer.result), (offsets.clone(), expected));
        }
        assert!(committer.close());
        thread.join().unwrap();
    }

    #[test]
    fn there_is_one_commit_at_a_time_and_each_is_answered() {
        let (mut committer, worker) = Committer::new();
        let (allow, allowed) = sync_channel(1);
        let thread = worker.start(Box::new(move |_: &Offsets| allowed.recv().unwrap())).unwrap();
        let offsets = vec![(Partition { topic: "camera_1".into(), number: 0 }, 5)];
        assert!(committer.is_idle());
        committer.begin(offsets.clone().into());
        assert!(!committer.is_idle());
        assert!(committer.answer().is_none());
        assert!(committer.wait(Instant::now()).is_none());
        assert!(!committer.is_idle(), "still under way");
        allow.send(Ok(())).unwrap();
        let answer = committer.wait(Instant::now() + Duration::from_secs(60)).unwrap();
        assert_eq!((answer.order.offsets, answer.result), (offsets, Ok(())));
        assert!(committer.is_idle() && committer.close() && !committer.is_idle());
        thread.join().unwrap();
    }
}
