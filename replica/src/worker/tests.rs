//! Replicas of backends that fail on purpose, with entries that look at no frame.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, mpsc},
    time::Duration,
};

use framegate_batcher::{
    BatchLimits, EntryId, NewEntry, Origin, PoolLimits, PoolQueue, Priority, Sizing,
};
use framegate_proto::ErrorCode;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    Abandoned, Answer, BatchCost, FrameJob, ModelOutput, Placement,
    backend::{Backend, BackendError, BackendSpec},
    frame::{FrameLoader, ImageLimits, Input, LoaderLimits},
};

/// What a test's backend does with a batch of so many entries.
type Behaviour = dyn Fn(usize) -> Result<(), BackendError> + Send + Sync;

struct TestBackend(Arc<Behaviour>);

impl Backend for TestBackend {
    fn execute(&mut self, batch: &[Option<Input>]) -> Result<Vec<ModelOutput>, BackendError> {
        (self.0)(batch.len())?;
        Ok(vec![ModelOutput::Embedding(Vec::new()); batch.len()])
    }
}

/// A pool whose replicas the test starts.
struct Pool {
    spec: Arc<ReplicaSpec>,
}

struct Replica {
    status: watch::Receiver<ReplicaStatus>,
    drain: CancellationToken,
    run: JoinHandle<Result<(), ReplicaFailure>>,
}

impl Pool {
    fn new(max_batch_size: usize, wait: Duration, behaviour: Arc<Behaviour>) -> Self {
        let limits = PoolLimits {
            max_queued: 100,
            max_queued_ingest: 50,
            batch: BatchLimits { max_batch_size, batch_wait_timeout: wait },
        };
        let open = move || Ok(Box::new(TestBackend(behaviour.clone())) as Box<dyn Backend>);
        let spec = ReplicaSpec {
            model: "model".into(),
            backend: BackendSpec::Test(Arc::new(open)),
            placement: Placement::Thread,
            queue: PoolQueue::new(limits),
            loader: loader(),
            cost: Arc::new(BatchCost::default()),
            start_timeout: LONG,
            batch_timeout: LONG,
            graceful_shutdown_timeout: Duration::from_secs(5).into(),
            abandoned: Arc::new(Abandoned::default()),
        };
        Self { spec: Arc::new(spec) }
    }

    fn submit(&self) -> (EntryId, oneshot::Receiver<Answer>) {
        let (sender, answer) = oneshot::channel();
        let respond = Box::new(move |answer| drop(sender.send(answer)));
        let entry = NewEntry {
            job: FrameJob::new(None, ErrorCode::DeadlineExceeded, respond),
            fairness_key: "camera".into(),
            priority: Priority::default(),
            origin: Origin::Interactive,
            deadline: None,
            latest: None,
        };
        (self.spec.queue.submit(entry).unwrap(), answer)
    }

    fn start(&self, id: &str) -> Replica {
        let starting = ReplicaStatus::new(ReplicaState::Starting);
        let (sender, status) = watch::channel(starting);
        let drain = CancellationToken::new();
        let run = tokio::spawn(self.spec.clone().run(id.into(), sender, drain.clone()));
        Replica { status, drain, run }
    }
}

fn loader() -> FrameLoader {
    FrameLoader::new(LoaderLimits {
        object_bytes: 1,
        image: ImageLimits { width: 1, height: 1, pixels: 1 },
        frame_bytes: 1,
        concurrent_fetches: 1,
        concurrent_loads: 1,
    })
}

/// A gate that a backend waits at, on its own thread, until the test opens it.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let is_open = self.is_open.lock().unwrap();
        drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_full_batch_is_executed_together() {
    let pool = Pool::new(4, LONG, Arc::new(|_| Ok(())));
    let answers: Vec<_> = (0..4).map(|_| pool.submit().1).collect();
    let replica = pool.start("r-1");
    for answer in answers {
        let served = answer.await.unwrap().unwrap();
        assert_eq!((served.batch_size, &*served.replica), (4, "r-1"));
    }
    replica.drain.cancel();
    replica.run.await.unwrap().unwrap();
    assert!(pool.spec.cost.per_entry().is_some());
}

#[tokio::test]
async fn a_failed_batch_runs_again_one_by_one() {
    let failed = Mutex::new(0);
    let behaviour = move |entries| {
        let mut failed = failed.lock().unwrap();
        // The batch fails, and so does the first entry that runs alone.
        if entries > 1 || *failed < 2 {
            *failed += 1;
            return Err(BackendError("planted".to_owned()));
        }
        Ok(())
    };
    let pool = Pool::new(4, LONG, Arc::new(behaviour));
    let answers: Vec<_> = (0..4).map(|_| pool.submit().1).collect();
    let _replica = pool.start("r-1");
    let mut ends = BTreeMap::new();
    for answer in answers {
        let end = match answer.await.unwrap() {
            Ok(served) => format!("served in a batch of {}", served.batch_size),
            Err(error) => error.code.reason().to_owned(),
        };
        *ends.entry(end).or_insert(0) += 1;
    }
    let expected = [("BACKEND_FAILED".to_owned(), 1), ("served in a batch of 1".to_owned(), 3)];
    assert_eq!(ends, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_crash_hands_the_batch_back_and_ends_the_replica() {
    let pool = Pool::new(
        2,
        LONG,
        Arc::new(|entries| match entries {
            1 => Ok(()),
            _ => panic!("planted"),
        }),
    );
    let answers: Vec<_> = (0..2).map(|_| pool.submit().1).collect();
    let first = pool.start("r-1");
    assert!(matches!(first.run.await.unwrap(), Err(ReplicaFailure::Crashed(_))));
    assert_eq!(pool.spec.queue.snapshot().queued, 2);
    let _second = pool.start("r-2");
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap().batch_size, 1);
    }
}

#[tokio::test]
async fn only_who_crashes_alone_a_second_time_fails() {
    let pool = Pool::new(1, LONG, Arc::new(|_| panic!("planted")));
    let (_, mut answer) = pool.submit();
    assert!(pool.start("r-1").run.await.unwrap().is_err());
    assert!(answer.try_recv().is_err(), "its replica may have been killed from outside");
    assert!(pool.start("r-2").run.await.unwrap().is_err());
    assert_eq!(answer.await.unwrap().unwrap_err().code, ErrorCode::ReplicaCrashed);
    assert_eq!(pool.spec.queue.snapshot().ongoing, 0);
}

#[tokio::test]
async fn a_hung_thread_is_abandoned_until_it_comes_back() {
    let gate = Arc::new(Gate::default());
    let passed = gate.clone();
    let mut pool = Pool::new(
        1,
        Duration::ZERO,
        Arc::new(move |_| {
            passed.pass();
            Ok(())
        }),
    );
    Arc::get_mut(&mut pool.spec).unwrap().batch_timeout = Duration::from_millis(20);
    let (_, answer) = pool.submit();
    for id in ["r-1", "r-2"] {
        let end = pool.start(id).run.await.unwrap();
        assert!(matches!(end, Err(ReplicaFailure::Hung(_))), "{end:?}");
    }
    assert_eq!(answer.await.unwrap().unwrap_err().code, ErrorCode::ReplicaHung);
    let end = pool.start("r-3").run.await.unwrap();
    assert!(matches!(end, Err(ReplicaFailure::Abandoned(2))), "{end:?}");
    gate.open();
    while pool.spec.abandoned.count() > 0 {
        tokio::task::yield_now().await;
    }
    let (_, answer) = pool.submit();
    let _replica = pool.start("r-4");
    answer.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_draining_replica_finishes_its_batch_and_hands_the_rest_back() {
    let gate = Arc::new(Gate::default());
    let (executing, has_started) = mpsc::channel();
    let (passed, executing) = (gate.clone(), Mutex::new(executing));
    let behaviour = move |_| {
        let _ = executing.lock().unwrap().send(());
        passed.pass();
        Ok(())
    };
    let pool = Pool::new(1, Duration::ZERO, Arc::new(behaviour));
    let (first, second) = (pool.submit().1, pool.submit().1);
    let mut replica = pool.start("r-1");
    tokio::task::spawn_blocking(move || has_started.recv().unwrap()).await.unwrap();
    replica.drain.cancel();
    let draining = |status: &ReplicaStatus| status.state == ReplicaState::Draining;
    replica.status.wait_for(draining).await.unwrap();
    gate.open();
    replica.run.await.unwrap().unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(pool.spec.queue.snapshot().queued, 1);
    let _other = pool.start("r-2");
    assert_eq!(&*second.await.unwrap().unwrap().replica, "r-2");
}

#[tokio::test]
async fn a_cancelled_entry_is_not_executed() {
    let gate = Arc::new(Gate::default());
    let (sender, executed) = mpsc::channel();
    let (passed, sender) = (gate.clone(), Mutex::new(sender));
    let behaviour = move |entries| {
        sender.lock().unwrap().send(entries).unwrap();
        passed.pass();
        Ok(())
    };
    let pool = Pool::new(1, Duration::ZERO, Arc::new(behaviour));
    let (_, first) = pool.submit();
    let (cancelled, answer) = pool.submit();
    let (_, last) = pool.submit();
    let _replica = pool.start("r-1");
    let executed = tokio::task::spawn_blocking(move || {
        executed.recv().unwrap();
        executed
    });
    let executed = executed.await.unwrap();
    assert!(pool.spec.queue.cancel(cancelled));
    assert_eq!(answer.await.unwrap().unwrap_err().code, ErrorCode::Cancelled);
    gate.open();
    first.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert_eq!(executed.try_iter().count(), 1, "only the last is executed after the first");
}

#[tokio::test]
async fn under_an_objective_batches_are_sized_by_what_they_cost() {
    // It is the point of this backend to take time.
    #[allow(clippy::disallowed_methods)]
    let behaviour = |entries: usize| {
        std::thread::sleep(Duration::from_millis(20 + entries as u64));
        Ok(())
    };
    let mut pool = Pool::new(1, Duration::ZERO, Arc::new(behaviour));
    let sizing = Sizing { latency_slo: Duration::from_secs(2), max_batch_size: 4 };
    Arc::get_mut(&mut pool.spec).unwrap().cost = Arc::new(BatchCost::new(Some(sizing)));
    let mut replica = pool.start("r-1");
    replica.status.wait_for(|status| status.state == ReplicaState::Running).await.unwrap();
    assert_eq!(pool.spec.queue.batch_limits().max_batch_size, 4);
    let answers: Vec<_> = (0..9).map(|_| pool.submit().1).collect();
    let mut largest = 0;
    for answer in answers {
        largest = largest.max(answer.await.unwrap().unwrap().batch_size);
    }
    assert_eq!(largest, 4);
}

#[tokio::test]
async fn a_replica_that_cannot_start_says_why() {
    let mut pool = Pool::new(1, LONG, Arc::new(|_| Ok(())));
    let open = || Err(BackendError("planted".to_owned()));
    Arc::get_mut(&mut pool.spec).unwrap().backend = BackendSpec::Test(Arc::new(open));
    let failure = pool.start("r-1").run.await.unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "cannot start: planted");
}
