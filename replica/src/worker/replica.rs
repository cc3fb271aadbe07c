use std::{sync::Arc, time::Duration};

use framegate_batcher::{BatchLimits, PoolQueue};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    executor::{Executor, Started},
    pull::Worker,
};
use crate::{
    BatchCost, FrameJob,
    backend::{BackendError, BackendSpec, ModelFacts},
    frame::FrameLoader,
};

/// Everything that the replicas of a pool share.
#[derive(Clone)]
pub struct ReplicaSpec {
    /// The model's name in the policy.
    pub model: Arc<str>,
    /// How to open the backend.
    pub backend: BackendSpec,
    /// The pool's queue.
    pub queue: PoolQueue<FrameJob>,
    /// What loads frames.
    pub loader: FrameLoader,
    /// Where the cost of batches is noted, and their bounds follow from it if they do.
    pub cost: Arc<BatchCost>,
    /// How long a draining replica may finish what it executes.
    pub graceful_shutdown_timeout: Duration,
}

/// Where a replica is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaState {
    /// Loading its model.
    Starting,
    /// Pulling entries.
    Running,
    /// Finishing what it executes, pulling no more.
    Draining,
    /// Gone.
    Stopped,
    /// Could not start, or crashed.
    Failed,
}

/// What a replica tells of itself while it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Where it is in its life.
    pub state: ReplicaState,
    /// Entries that it has claimed and not finished.
    pub ongoing: usize,
}

/// How a replica ended.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaFailure {
    /// The backend could not be opened.
    #[error("cannot start: {0}")]
    Start(#[from] BackendError),
    /// The backend panicked, or its thread is gone; the batch it executed was handed back.
    #[error("crashed while executing a batch")]
    Crashed,
    /// It did not finish its batch in time while draining; the batch was handed back.
    #[error("did not finish its batch within graceful_shutdown_timeout")]
    Stuck,
}

impl ReplicaSpec {
    /// What is known of the model; absent while its files could not be read, and then no entry can
    /// be taken. Every replica that starts tries to read them.
    pub fn facts(&self) -> Option<ModelFacts> {
        self.backend.facts()
    }

    /// Runs one replica called `id` until `drain` is cancelled and its batch is finished.
    ///
    /// # Errors
    /// When it could not start, crashed, or did not finish in time. Its entries are back in the
    /// queue then, those of the executing batch marked as suspects.
    pub async fn run(
        self: Arc<Self>,
        id: Arc<str>,
        status: watch::Sender<ReplicaStatus>,
        drain: CancellationToken,
    ) -> Result<(), ReplicaFailure> {
        let start = Executor::start(&id, self.backend.clone(), self.cost.to_measure());
        let Started { executor, facts, costs } = tokio::select! {
            started = start => started?,
            () = drain.cancelled() => return Ok(()),
        };
        let limits = costs.and_then(|costs| self.cost.measured(costs));
        self.limit_batches(limits);
        let seat = self.queue.register();
        status.send_modify(|status| status.state = ReplicaState::Running);
        tracing::info!(replica = %id, "replica running");
        Worker::new(self, facts, id, executor, seat, status).pull(drain).await
    }

    /// From now on batches have these bounds, if any follow.
    pub(super) fn limit_batches(&self, limits: Option<BatchLimits>) {
        let Some(limits) = limits.filter(|limits| *limits != self.queue.batch_limits()) else {
            return;
        };
        let BatchLimits { max_batch_size, batch_wait_timeout } = limits;
        tracing::debug!(model = %self.model, max_batch_size, ?batch_wait_timeout, "batches sized");
        self.queue.set_batch_limits(limits);
    }
}
