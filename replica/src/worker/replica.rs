use std::{sync::Arc, time::Duration};

use framegate_batcher::{BatchLimits, PoolQueue};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{grace::GracePeriod, pull::Worker};
use crate::{
    Abandoned, BatchCost, FrameJob, Placement,
    backend::{BackendError, BackendSpec, ModelFacts, Provider},
    executor::{Executor, Opening, Started},
    frame::FrameLoader,
};

/// Everything that the replicas of a pool share.
#[derive(Clone)]
pub struct ReplicaSpec {
    /// The model's name in the policy.
    pub model: Arc<str>,
    /// How to open the backend.
    pub backend: BackendSpec,
    /// Where it runs.
    pub placement: Placement,
    /// The pool's queue.
    pub queue: PoolQueue<FrameJob>,
    /// What loads frames.
    pub loader: FrameLoader,
    /// Where the cost of batches is noted, and their bounds follow from it if they do.
    pub cost: Arc<BatchCost>,
    /// How long a replica may take to open its backend.
    pub start_timeout: Duration,
    /// How long a batch may be executed, before its replica is taken to hang and given up.
    pub batch_timeout: Duration,
    /// How long a draining replica may finish what it executes.
    pub graceful_shutdown_timeout: GracePeriod,
    /// Threads that were given up.
    pub abandoned: Arc<Abandoned>,
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
    /// Whether it has come through a batch since it started.
    pub has_served: bool,
    /// The process that its backend runs in, if that is one of its own.
    pub process_id: Option<u32>,
    /// The memory that it took when its model was open, in bytes, once that is known. Of a thread it
    /// is a guess: what the process has grown by meanwhile.
    pub memory: Option<u64>,
    /// What executes its model's operators, once the model is open; none where that only takes time.
    pub provider: Option<Provider>,
}

/// How a replica ended.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaFailure {
    /// The backend could not be opened.
    #[error("cannot start: {0}")]
    Start(#[from] BackendError),
    /// Too many threads of the pool hang; more would not come through either.
    #[error(
        "{0} threads of the model hang in batches, and a thread cannot be ended; write \
         `placement: process`, where a replica that hangs is killed"
    )]
    Abandoned(usize),
    /// The backend panicked, or its process has died; the batch it executed was handed back.
    #[error("crashed: {0}")]
    Crashed(Arc<str>),
    /// It did not come through a batch, which was handed back.
    #[error("hung: a batch was not executed within batch_timeout ({0:?})")]
    Hung(Duration),
    /// It did not finish its batch in time while draining; the batch was handed back.
    #[error("did not finish its batch within graceful_shutdown_timeout")]
    Stuck,
}

impl ReplicaStatus {
    /// Of a replica that is in this state and works on nothing.
    pub fn new(state: ReplicaState) -> Self {
        Self {
            state,
            ongoing: 0,
            has_served: false,
            process_id: None,
            memory: None,
            provider: None,
        }
    }
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
        self.check_abandoned()?;
        let start = Executor::start(Opening {
            name: &id,
            placement: &self.placement,
            backend: &self.backend,
            sizing: self.cost.to_measure(),
            limit: self.start_timeout,
            abandoned: &self.abandoned,
        });
        let Started { executor, facts, costs, memory, provider } = tokio::select! {
            started = start => started?,
            () = drain.cancelled() => return Ok(()),
        };
        let limits = costs.and_then(|costs| self.cost.measured(costs));
        self.limit_batches(limits);
        let seat = self.queue.register();
        status.send_modify(|status| {
            status.state = ReplicaState::Running;
            status.process_id = executor.process_id();
            status.memory = Some(memory);
            status.provider = provider;
        });
        tracing::info!(replica = %id, "replica running");
        Worker::new(self, facts, id, executor, seat, status).pull(drain).await
    }

    fn check_abandoned(&self) -> Result<(), ReplicaFailure> {
        match self.abandoned.count() {
            few if few < Abandoned::MOST => Ok(()),
            many => Err(ReplicaFailure::Abandoned(many)),
        }
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
