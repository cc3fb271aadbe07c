//! Pools: a model's queue, its replicas, and the autoscaler between them.

mod autoscaler;
pub(crate) mod bounds;
pub(crate) mod deciding;
mod decisions;
mod explanation;
mod health;
mod look_back;
pub(crate) mod machine;
mod replicas;
pub mod scaling;
mod shed;
mod slot;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use framegate_batcher::{EntryId, NewEntry, Origin, PoolQueue, PoolSnapshot, SubmitError};
use framegate_proto::{ErrorCode, ServeError};
use framegate_replica::{
    Answer, FrameJob, ReplicaSpec, ReplicaState, Responder, backend::BackendSpec,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use autoscaler::WaitingDemand;
pub use decisions::{Decisions, KeptDecision, ReplicaCounts};
pub use explanation::explain;
pub use health::PoolHealth;
pub use machine::Machine;
pub use replicas::ReplicaView;

use crate::{board::Passage, metrics::PoolMetrics, policy};
use health::Condition;
use replicas::Replicas;

/// All replicas of one model and their queue.
pub struct Pool {
    name: Arc<str>,
    /// Replaced where a change of the policy leaves the replicas as they are.
    model: ArcSwap<policy::Model>,
    spec: ReplicaSpec,
    metrics: PoolMetrics,
    replicas: Mutex<Replicas>,
    /// How many the autoscaler starts with.
    initial: u32,
    /// Another pool has its name, or none: it ends, and its gauges are not its own any more.
    retired: AtomicBool,
    /// Ends the autoscaler and the expiry.
    ending: CancellationToken,
    desired: watch::Sender<u32>,
    /// Written by the autoscaler, read by operators.
    decisions: Mutex<Decisions>,
    /// Told by the autoscaler, watched by health checks, read by each submit.
    health: watch::Sender<PoolHealth>,
}

impl Pool {
    /// A pool without replicas, which gets `initial` of them at first, by [`Pool::start_initial`]
    /// or [`Pool::warm_up`]. It has no share of the machine until it is run.
    pub fn new(
        model: policy::Model,
        spec: ReplicaSpec,
        machine: &Machine,
        metrics: PoolMetrics,
        initial: u32,
        ending: CancellationToken,
    ) -> Self {
        let machine = machine.join(bounds::threads(&model), 0);
        let replicas = Replicas::new(spec.clone(), machine, metrics.tally().clone());
        Self {
            name: model.name.clone(),
            model: ArcSwap::from_pointee(model),
            spec,
            metrics,
            replicas: Mutex::new(replicas),
            initial,
            retired: AtomicBool::new(false),
            ending,
            desired: watch::Sender::new(initial),
            decisions: Mutex::default(),
            // Its first replicas are about to start.
            health: watch::Sender::new(PoolHealth { serving: true, ..Default::default() }),
        }
    }

    /// The model's name in the policy.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the policy says of it.
    pub fn model(&self) -> Arc<policy::Model> {
        self.model.load_full()
    }

    /// What its replicas share.
    pub fn spec(&self) -> &ReplicaSpec {
        &self.spec
    }

    /// Its queue.
    pub fn queue(&self) -> &PoolQueue<FrameJob> {
        &self.spec.queue
    }

    /// How full the ingest's share of the queue is, 0 to 1.
    pub fn ingest_fill(&self) -> f64 {
        self.queue().snapshot().queued_ingest as f64 / self.model.load().max_queued_ingest as f64
    }

    /// What is in its queue and with its replicas.
    pub fn snapshot(&self) -> PoolSnapshot {
        self.queue().snapshot()
    }

    /// Its replicas, oldest first.
    pub fn replicas(&self) -> Vec<ReplicaView> {
        self.lock().view()
    }

    /// How many of its replicas run.
    pub fn running_replicas(&self) -> u32 {
        ReplicaCounts::of(&self.replicas()).running
    }

    /// How many replicas the autoscaler wants.
    pub fn desired_replicas(&self) -> u32 {
        *self.desired.borrow()
    }

    /// How it is scaled.
    pub fn autoscaling(&self) -> policy::Autoscaling {
        self.model.load().autoscaling
    }

    /// The latest decisions of its autoscaler.
    pub fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its metrics.
    pub fn metrics(&self) -> &PoolMetrics {
        &self.metrics
    }

    /// Whether it serves, as of this instant.
    pub fn health(&self) -> PoolHealth {
        let policy::Autoscaling { min_replicas, max_replicas, .. } = self.autoscaling();
        let replicas = self.lock();
        let condition = Condition {
            replicas: &replicas.view(),
            min_replicas,
            machine_limit: replicas.machine_limit(max_replicas),
            is_known: self.spec.facts().is_some(),
            lacks_memory: replicas.lacks_memory(),
            abandoned: self.spec.abandoned.count(),
            too_slow: self.spec.cost.too_slow(),
        };
        condition.judge()
    }

    /// Tells of changes of the health: those that last for the autoscaler's 100 ms.
    pub fn watch_health(&self) -> watch::Receiver<PoolHealth> {
        self.health.subscribe()
    }

    /// Looks at the health now, and tells if it has changed.
    pub fn tell_health(&self) {
        let health = self.health();
        self.health.send_if_modified(|told| {
            let changed = *told != health;
            *told = health;
            changed
        });
    }

    /// Wraps a responder so that every answer is counted and noted.
    pub fn counted(self: &Arc<Self>, responder: Responder, passage: Arc<Passage>) -> Responder {
        let pool = self.clone();
        Box::new(move |answer: Answer| {
            pool.metrics.record(&answer);
            passage.answered(&answer, pool.metrics.tally());
            responder(answer);
        })
    }

    /// Queues an entry. On an error the entry's job is not answered.
    ///
    /// # Errors
    /// `QueueFull`, `Draining`, `NoReplica`, `Superseded`, or the deadline's own error when it has
    /// passed.
    pub fn submit(
        &self,
        entry: NewEntry<FrameJob>,
        expiry: ErrorCode,
    ) -> Result<EntryId, ServeError> {
        if !self.health.borrow().serving {
            return Err(ErrorCode::NoReplica.into());
        }
        self.queue().submit(entry).map_err(|error| match error {
            SubmitError::Full { .. } | SubmitError::IngestShareFull { .. } => self.full(),
            SubmitError::Superseded => ErrorCode::Superseded.into(),
            SubmitError::Closed => ErrorCode::Draining.into(),
            SubmitError::Expired => expiry.into(),
        })
    }

    /// `QueueFull`, with the time in which the queue should have drained by half.
    fn full(&self) -> ServeError {
        let error = ServeError::new(ErrorCode::QueueFull);
        let running = self.snapshot().replicas.max(1);
        match self.spec.cost.per_entry() {
            Some(cost) => {
                let half = u32::try_from(self.model.load().max_queued_requests / 2 / running);
                error.retry_after(cost * half.unwrap_or(u32::MAX).max(1))
            }
            None => error,
        }
    }

    /// Lets entries that came by ingest and are not started go, uncommitted.
    pub fn discard_ingest(&self) -> usize {
        self.queue().discard_unstarted(Origin::Ingest)
    }

    /// Starts the first replicas, as far as the machine has room.
    pub fn start_initial(&self) {
        self.lock().reconcile(self.initial);
        self.tell_health();
    }

    /// Starts the first replicas of a pool that is to take the place of another one, beside that
    /// one's, and waits until they run.
    ///
    /// # Errors
    /// Why they do not, or why no replica would, where none is to start.
    pub async fn warm_up(&self) -> Result<(), String> {
        if let BackendSpec::Onnx { folder, .. } = &self.spec.backend {
            folder.read().map_err(|error| error.to_string())?;
        }
        self.lock().start_beside(self.initial);
        self.settled().await;
        match self.replicas().iter().find_map(|replica| replica.failure.clone()) {
            Some(failure) => Err(failure.to_string()),
            None => Ok(()),
        }
    }

    /// Goes by another version of its part of the policy from now on, of which the replicas know
    /// nothing: see `live/plan.rs`.
    pub fn follow(&self, model: policy::Model) {
        let (limits, sizing) = bounds::limits(&model);
        self.queue().set_queue_limits(limits.max_queued, limits.max_queued_ingest);
        if sizing.is_none() {
            self.queue().set_batch_limits(limits.batch);
        }
        self.spec.graceful_shutdown_timeout.set(model.graceful_shutdown_timeout);
        self.lock().need(model.autoscaling.min_replicas);
        self.model.store(Arc::new(model));
    }

    /// Waits until the replicas that are there have started or failed.
    pub async fn settled(&self) {
        let watches = self.lock().watches();
        for mut watch in watches {
            // An error means that the replica is gone, which is settled too.
            let _ = watch.wait_for(|status| status.state != ReplicaState::Starting).await;
        }
    }

    /// Drains one replica, and answers how it is then; none if there is no such. Another one takes
    /// its place as soon as its threads are free, unless fewer are wanted.
    pub fn drain(&self, id: &str) -> Option<ReplicaView> {
        self.lock().drain(id)
    }

    /// It is not served any more: it keeps what it holds of the machine's threads, and its gauges are
    /// of who has its name now.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.lock().leave();
    }

    /// Ends its autoscaler and its expiry.
    pub fn end(&self) {
        self.ending.cancel();
    }

    /// Drains all replicas and waits until they are gone.
    pub async fn stop_replicas(&self) {
        let gone = self.lock().stop();
        gone.await;
    }

    fn lock(&self) -> MutexGuard<'_, Replicas> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
