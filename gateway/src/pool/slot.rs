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

use super::machine::Permit;
use crate::backoff::{Backoff, chance};

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
    _threads: Permit,
}

/// How the replica failed last.
struct Failure {
    why: Arc<str>,
    /// It did not come to run.
    at_start: bool,
}

/// A replica that has come through a batch and lived for so long starts with the first back-off
/// again: what ended it was not its start, nor the first frame.
const PROVEN_AFTER: Duration = Duration::from_secs(1);

impl Slot {
    pub(super) fn start(spec: Arc<ReplicaSpec>, id: Arc<str>, threads: Permit) -> Self {
        let (sender, status) = watch::channel(ReplicaStatus::new(ReplicaState::Starting));
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

    /// Why it failed last, until it runs again.
    pub(super) fn failure(&self) -> Option<Arc<str>> {
        let state = self.status().state;
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure
            .as_ref()
            .filter(|failure| failure.counts_in(state))
            .map(|failure| failure.why.clone())
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

impl Failure {
    /// Whether the replica, being in this state, is still the failed one. A start after a crash is
    /// taken to succeed; one after a start that failed is not.
    fn counts_in(&self, state: ReplicaState) -> bool {
        match state {
            ReplicaState::Failed => true,
            ReplicaState::Starting => self.at_start,
            ReplicaState::Running | ReplicaState::Draining | ReplicaState::Stopped => false,
        }
    }
}

impl Keeper {
    async fn keep(self) {
        let mut backoff = Backoff::default();
        while !self.drain.is_cancelled() {
            self.set(ReplicaState::Starting);
            let started = Instant::now();
            let run =
                self.spec.clone().run(self.id.clone(), self.status.clone(), self.drain.clone());
            let Err(failure) = run.await else { break };
            if self.status.borrow().has_served && started.elapsed() > PROVEN_AFTER {
                backoff = Backoff::default();
            }
            let wait = backoff.next_wait(chance());
            warn!(replica = %self.id, %failure, ?wait, "replica failed");
            self.note(&failure);
            self.set(ReplicaState::Failed);
            tokio::select! {
                () = sleep(wait) => {}
                () = self.drain.cancelled() => {}
            }
        }
        self.set(ReplicaState::Stopped);
        info!(replica = %self.id, "replica stopped");
    }

    fn note(&self, failure: &ReplicaFailure) {
        let at_start = matches!(failure, ReplicaFailure::Start(_) | ReplicaFailure::Abandoned(_));
        let why = failure.to_string().into();
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Failure { why, at_start });
    }

    fn set(&self, state: ReplicaState) {
        self.status.send_replace(ReplicaStatus::new(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReplicaState::{Draining, Failed, Running, Starting, Stopped};

    #[test]
    fn a_replica_that_never_ran_stays_failed_while_it_is_tried_again() {
        let counts = |at_start| {
            let failure = Failure { why: "planted".into(), at_start };
            [Failed, Starting, Running, Draining, Stopped].map(|state| failure.counts_in(state))
        };
        assert_eq!(counts(true), [true, true, false, false, false]);
        assert_eq!(counts(false), [true, false, false, false, false], "after a crash");
    }
}
