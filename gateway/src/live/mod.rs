//! The policy in force, and how it becomes another one while requests go on.
//!
//! ```text
//!  file, SIGHUP, ApplyPolicy ─► document ─► plan ─► prepared ─► in force ─► what is left behind goes
//!                                  │          │         │
//!                                  └──────────┴─────────┴─► refused: the running policy stays
//! ```
//!
//! `plan`, `difference` and `history` are pure. `change` opens all that is new before it touches what
//! runs, so that whatever can fail fails before; `leaving` is how the old goes.

mod change;
mod difference;
mod file;
mod history;
mod leaving;
mod plan;
mod verdict;
mod workshop;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use framegate_replica::{Program, frame::FrameLoader};
use futures_util::future::join_all;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

pub use self::{
    difference::{Change, Effect, line},
    file::FileWatch,
    history::{Good, History, Refused},
    plan::{Plan, PoolStep},
    verdict::{Source, Verdict},
};
use self::{verdict::problem, workshop::Workshop};
use crate::{
    admission::Admission,
    ingest::{Ingests, KafkaIngest, OutcomeObserver},
    metrics::{PolicyMetrics, PoolMetrics, Registry, UNKNOWN_MODEL},
    policy::{Document, Ingest, PolicyErrors, Server},
    pool::{Pool, PoolHealth},
    routes::Routes,
    sink::Sinks,
};

/// Everything of a gateway that its policy says, and that another policy can change.
pub struct Live {
    // What runs.
    admission: Arc<Admission>,
    ingests: Ingests,
    sinks: Arc<Sinks>,

    // What it is made with.
    workshop: Workshop,
    observer: Option<Arc<dyn OutcomeObserver>>,
    metrics: PolicyMetrics,

    // What is in force.
    /// Relative paths start from its folder.
    file: PathBuf,
    /// Held by a change, of which there is one at a time: the number of the next ingest.
    changing: tokio::sync::Mutex<u32>,
    history: Mutex<History>,

    // How it ends.
    /// No more changes.
    closing: CancellationToken,
    /// What pools run.
    tasks: TaskTracker,
    /// What changes have left behind.
    leaving: TaskTracker,
}

/// What is said of a policy that came by a call.
const FILE_WINS: &str = "the policy file is not written: what stands there comes into force when it \
                         changes, with SIGHUP, and when the gateway starts again";

impl Live {
    /// Opens what the policy says. Its pools have no replicas yet, which [`Live::run_pools`] starts.
    ///
    /// # Errors
    /// When a bucket cannot be used, a sink not be opened, or an ingest not be started.
    pub async fn start(
        document: Document,
        program: Program,
        registry: &Registry,
        observer: Option<Arc<dyn OutcomeObserver>>,
    ) -> anyhow::Result<Arc<Self>> {
        let policy = &document.policy;
        let workshop = Workshop::new(&policy.limits, program, registry);
        let pools = policy.models.iter().map(|model| workshop.pool(model)).collect();
        let buckets = workshop.buckets(&policy.buckets)?;
        let routes = Routes::new(pools, buckets, policy.server.default_timeout);
        let unknown = PoolMetrics::new(registry, UNKNOWN_MODEL);
        let (loader, board) = (workshop.loader().clone(), registry.board().clone());
        let sinks = Arc::new(Sinks::open(&policy.sinks).await?);
        let metrics = PolicyMetrics::new(registry);
        let next_number = u32::try_from(policy.ingest.len()).unwrap_or(u32::MAX);
        metrics.in_force(1, SystemTime::now());
        let live = Self {
            admission: Arc::new(Admission::new(routes, loader, unknown, board)),
            ingests: Ingests::default(),
            sinks,
            workshop,
            observer,
            metrics,
            file: document.file.clone(),
            changing: tokio::sync::Mutex::new(next_number),
            history: Mutex::new(History::new(document.clone(), SystemTime::now())),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            leaving: TaskTracker::new(),
        };
        let mut ingests = Vec::new();
        for rule in &document.policy.ingest {
            ingests.push(live.ingest(rule, SystemTime::now()).await?);
        }
        live.ingests.set(ingests);
        Ok(Arc::new(live))
    }

    /// Runs the pools; when this returns, the first replicas of each run or have failed.
    pub async fn run_pools(&self) {
        let pools = self.pools();
        for pool in &pools {
            pool.start_initial();
            self.run(pool);
        }
        join_all(pools.iter().map(|pool| pool.settled())).await;
        for pool in &pools {
            pool.tell_health();
            let PoolHealth { serving, problem, .. } = pool.health();
            if !serving {
                error!(model = %pool.name(), problem, "model does not serve");
            }
        }
    }

    /// The way in.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// The pools now, in the order of the policy.
    pub fn pools(&self) -> Vec<Arc<Pool>> {
        self.admission.routes().pools().to_vec()
    }

    /// The ingests.
    pub fn ingests(&self) -> &Ingests {
        &self.ingests
    }

    /// The sinks.
    pub fn sinks(&self) -> &Arc<Sinks> {
        &self.sinks
    }

    /// What loads frames.
    pub fn loader(&self) -> &FrameLoader {
        self.workshop.loader()
    }

    /// The policies that were in force, and what was refused.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with a policy, and what would change with it.
    pub async fn check(&self, yaml: String) -> Verdict {
        let verdict = match self.parse(yaml).await {
            Ok(document) => self.judge(&document).1,
            Err(errors) => errors.into(),
        };
        let generation = self.history().running().generation;
        Verdict { generation, ..verdict }
    }

    /// Applies a policy, or says why not. It goes on when the caller has gone.
    pub async fn apply(self: &Arc<Self>, yaml: String) -> Verdict {
        let document = self.parse(yaml).await;
        let verdict = self.take(Source::Call, document).await;
        Verdict { note: FILE_WINS, ..verdict }
    }

    /// Applies the policy that was in force before the present one.
    pub async fn roll_back(self: &Arc<Self>) -> Verdict {
        let live = Arc::clone(self);
        let changed = tokio::spawn(async move { live.change(Source::Rollback, None).await });
        Verdict { note: FILE_WINS, ..changed.await.unwrap_or_else(|_| panicked()) }
    }

    /// Applies what was read, or refuses what could not be; on a task of its own, so that nothing is left
    /// half done when the caller goes.
    async fn take(
        self: &Arc<Self>,
        source: Source,
        document: Result<Document, PolicyErrors>,
    ) -> Verdict {
        let live = Arc::clone(self);
        let changed = tokio::spawn(async move {
            match document {
                Ok(document) => live.change(source, Some(document)).await,
                Err(errors) => live.refuse(source, errors.into()),
            }
        });
        changed.await.unwrap_or_else(|_| panicked())
    }

    /// Reading a policy reads files: secrets, and folders of models.
    async fn parse(&self, yaml: String) -> Result<Document, PolicyErrors> {
        let file = self.file.clone();
        let parsed = tokio::task::spawn_blocking(move || Document::parse(yaml, &file)).await;
        parsed.unwrap_or_else(|_| Err(PolicyErrors::of_panic(&self.file)))
    }

    /// Resolves when there are no more changes.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// No more changes from now on. It waits for the one under way, which is refused if that can still
    /// be, and answers how the gateway is to stop.
    pub async fn close(&self) -> Server {
        self.closing.cancel();
        let _none_under_way = self.changing.lock().await;
        self.history().running().document.policy.server.clone()
    }

    /// Ends autoscalers and expiry, and hurries what changes have left behind.
    pub fn end_pools(&self) {
        self.workshop.ending().cancel();
    }

    /// Waits until all that changes have left behind has gone.
    pub async fn left(&self) {
        self.leaving.close();
        self.leaving.wait().await;
    }

    /// Waits until no pool runs anything.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn run(&self, pool: &Arc<Pool>) {
        let (ingests, name) = (self.ingests.clone(), pool.name().clone());
        self.tasks.spawn(pool.clone().run(Arc::new(move || ingests.waiting_demand(&name))));
    }

    async fn ingest(&self, rule: &Ingest, since: SystemTime) -> anyhow::Result<Arc<KafkaIngest>> {
        let (intake, sinks) = (self.admission.clone(), self.sinks.clone());
        let (registry, observer) = (self.workshop.registry(), self.observer.clone());
        Ok(Arc::new(KafkaIngest::start(rule, since, intake, sinks, registry, observer).await?))
    }
}

fn panicked() -> Verdict {
    Verdict::refused(problem("", "the change has panicked; the log says where"))
}
