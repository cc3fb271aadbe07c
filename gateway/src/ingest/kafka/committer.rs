use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
};

use framegate_replica::failpoint;
use rdkafka::{
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, KafkaResult},
};

use super::errands::{Errands, Runner};
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
    pub(super) member: Option<Arc<ConsumerGroupMetadata>>,
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

/// Has offsets committed, one commit after the other, and hears how each went.
///
/// rdkafka's asynchronous commits give no answer (its `commit_callback` is for automatic ones), and
/// librdkafka puts them off while it has no coordinator and may then send an older one last. A
/// synchronous one is answered and ordered, but it can wait for a coordinator as long as a session.
pub(super) type Committer = Errands<Order, Answer>;

/// The part that commits.
pub(super) type Worker = Runner<Order, Answer>;

/// How a commit went.
pub(super) struct Answer {
    pub(super) order: Order,
    pub(super) result: KafkaResult<()>,
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

/// Starts the thread on which `committing` commits. It ends after [`Errands::close`].
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(worker: Worker, mut committing: Box<dyn Commit>) -> io::Result<JoinHandle<()>> {
    worker.start("kafka-committer", move || {
        // What panicked is prepared again with the first order.
        let _ = catch_unwind(AssertUnwindSafe(|| committing.prepare()));
        move |mut order| Answer { result: committed(&mut *committing, &mut order), order }
    })
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
    use std::time::{Duration, Instant};

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
        let thread = start(worker, Box::new(first_panics)).unwrap();
        let offsets = vec![(Partition { topic: "camera_1".into(), number: 0 }, 5)];
        for expected in [Err(KafkaError::Canceled), Ok(())] {
            committer.begin(offsets.clone().into());
            let answer = committer.wait(Instant::now() + Duration::from_secs(60)).unwrap();
            assert_eq!((answer.order.offsets, answer.result), (offsets.clone(), expected));
        }
        assert!(committer.close());
        thread.join().unwrap();
    }
}
