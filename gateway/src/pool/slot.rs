use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use framegate_replica::{ReplicaFailure, ReplicaSpec, ReplicaState, ReplicaStatus};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::machine::ThreadPermit;

/// A replica's place in its pool: keeps one replica running until it is drained.
///
/// A replica that fails is started anew after a back-off, under the same id.
pub(super) struct Slot {
    id: Arc<str>,
    status: watch::Receiver<ReplicaStatus>,
    failure: Arc<Mutex<Option<Failure>>>,
    drain: CancellationToken,
    task: JoinHandle<()>,
}

/// What keeps a replica going, for as long as its slot lives.
struct Keeper {
    spec: Arc<ReplicaSpec>,
    id: Arc<str>,
    status: watch::Sender<ReplicaStatus>,
    failure: Arc<Mutex<Option<Failure>>>,
    drain: CancellationToken,
    /// Held until the replica is gone.
    _threads: ThreadPermit,
}

/// How the replica failed last.
struct Failure {
    why: Arc<str>,
    /// It did not come to run.
    at_start: bool,
}

/// The first back-off after a failure; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// The longest back-off.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A replica that ran for so long starts with the first back-off again.
const PROVEN_AFTER: Duration = Duration::from_secs(60);

impl Slot {
    pub(super) fn start(spec: Arc<ReplicaSpec>, id: Arc<str>, threads: ThreadPermit) -> Self {
        let starting = ReplicaStatus { state: ReplicaState::Starting, ongoing: 0 };
        let (sender, status) = watch::channel(starting);
        let drain = CancellationToken::new();
        let failure = Arc::new(Mutex::new(None));
        let keeper = Keeper {
            spec,
            id: id.clone(),
            status: sender,
            failure: failure.clone(),
            drain: drain.clone(),
            _threads: threads,
        };
        let task = tokio::spawn(keeper.keep());
        Self { id, status, failure, drain, task }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(super) fn status(&self) -> ReplicaStatus {
        let status = *self.status.borrow();
        match status.state {
            ReplicaState::Stopped => status,
            _ if self.drain.is_cancelled() => {
                ReplicaStatus { state: ReplicaState::Draining, ..status }
            }
            _ => status,
        }
    }

    /// Why it failed last, until it runs again. A start after a crash is taken to succeed; one after
    /// a start that failed is not.
    pub(super) fn failure(&self) -> Option<Arc<str>> {
        let state = self.status().state;
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = failure.as_ref()?;
        let counts = match state {
            ReplicaState::Failed => true,
            ReplicaState::Starting => failure.at_start,
            _ => false,
        };
        counts.then(|| failure.why.clone())
    }

    pub(super) fn watch(&self) -> watch::Receiver<ReplicaStatus> {
        self.status.clone()
    }

    /// Whether it was told to go.
    pub(super) fn is_leaving(&self) -> bool {
        self.drain.is_cancelled()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.task.is_finished()
    }

    /// Tells it to finish its batch and go.
    pub(super) fn drain(&self) {
        self.drain.cancel();
    }

    /// Waits until it is gone.
    pub(super) async fn gone(self) {
        let _ = self.task.await;
    }
}

impl Keeper {
    async fn keep(self) {
        let mut backoff = FIRST_BACKOFF;
        while !self.drain.is_cancelled() {
            self.set(ReplicaState::Starting);
            let started = Instant::now();
            let run =
                self.spec.clone().run(self.id.clone(), self.status.clone(), self.drain.clone());
            let Err(failure) = run.await else { break };
            if started.elapsed() > PROVEN_AFTER {
                backoff = FIRST_BACKOFF;
            }
            warn!(replica = %self.id, %failure, ?backoff, "replica failed");
            self.note(&failure);
            self.set(ReplicaState::Failed);
            tokio::select! {
                () = sleep(backoff) => backoff = (backoff * 2).min(LONGEST_BACKOFF),
                () = self.drain.cancelled() => {}
            }
        }
        self.set(ReplicaState::Stopped);
        info!(replica = %self.id, "replica stopped");
    }

    fn note(&self, failure: &ReplicaFailure) {
        let at_start = matches!(failure, ReplicaFailure::Start(_));
        let why = failure.to_string().into();
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Failure { why, at_start });
    }

    fn set(&self, state: ReplicaState) {
        self.status.send_modify(|status| *status = ReplicaStatus { state, ongoing: 0 });
    }
}
