//! A running gateway: everything of a policy, wired together, and the order in which it stops.

mod build;
mod stop;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use framegate_replica::{Program, frame::FrameLoader};
use futures_util::future::{join_all, select_all};
use tokio::{net::TcpListener, runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

use crate::{
    admission::Admission,
    ingest::{KafkaIngest, OutcomeObserver},
    metrics::{
        CameraMetrics, LoaderMetrics, PoolMetrics, ProcessMetrics, Registry, UNKNOWN_MODEL, names,
    },
    policy::{self, Policy},
    pool::{Pool, PoolHealth, WaitingDemand},
    server::{ConnectionLimits, Health, Readiness, Stack, serve_grpc, serve_http},
    sink::Sinks,
};

/// A running gateway. It stops only by [`Gateway::stop`].
pub struct Gateway {
    // What it serves.
    server: policy::Server,
    admission: Arc<Admission>,
    ingests: Vec<Arc<KafkaIngest>>,
    sinks: Arc<Sinks>,

    // Where it listens.
    grpc_address: SocketAddr,
    http_address: SocketAddr,

    // How it stops.
    /// Readiness and health go off.
    not_ready: CancellationToken,
    /// The gRPC listener closes, and streams without end are ended.
    no_calls: CancellationToken,
    /// Autoscalers and expiry end.
    no_replicas: CancellationToken,
    /// The HTTP listener closes.
    no_probes: CancellationToken,
    grpc_server: JoinHandle<()>,
    http_server: JoinHandle<()>,
    tasks: TaskTracker,
}

/// How often counts are taken over and recorded samples folded.
const UPKEEP: Duration = Duration::from_secs(1);

impl Gateway {
    /// Binds the listeners and starts everything; when this returns, each pool's first replicas
    /// run or have failed. A model that cannot be loaded is no error: it is tried again and again,
    /// and the others serve meanwhile. `program` is what runs a replica in a process of its own.
    ///
    /// # Errors
    /// When a listener cannot be bound or a sink not be opened.
    pub async fn start(
        policy: Policy,
        program: Program,
        observer: Option<Arc<dyn OutcomeObserver>>,
    ) -> anyhow::Result<Self> {
        let grpc = bind(policy.server.grpc, "server.grpc").await?;
        let http = bind(policy.server.http, "server.http").await?;
        let (grpc_address, http_address) = (grpc.local_addr()?, http.local_addr()?);
        let registry = Registry::new()?;
        let loader = build::loader(&policy);
        let pools = build::pools(&policy, &Arc::new(program), &loader, &registry);
        let unknown = PoolMetrics::new(&registry, UNKNOWN_MODEL);
        let buckets = build::buckets(&policy, &registry)?;
        let admission =
            Admission::new(pools, buckets, loader.clone(), unknown, registry.board().clone());
        let admission = Arc::new(admission);
        let sinks = Arc::new(Sinks::open(&policy.sinks).await?);
        let mut ingests = Vec::new();
        for ingest in &policy.ingest {
            let (intake, sinks) = (admission.clone(), sinks.clone());
            let started = KafkaIngest::start(ingest, intake, sinks, &registry, observer.clone());
            ingests.push(Arc::new(started.await?));
        }
        let [not_ready, no_calls, no_replicas, no_probes] =
            std::array::from_fn(|_| CancellationToken::new());
        let Stack { service, health } = Stack::new(&policy, &admission, &no_calls)?;
        let readiness = Readiness::new(admission.clone(), ingests.clone(), not_ready.clone());
        let http_server =
            tokio::spawn(serve_http(http, registry.clone(), readiness, no_probes.clone()));
        let tasks = TaskTracker::new();
        spawn_pools(&tasks, admission.pools(), &ingests, &no_replicas);
        tasks.spawn(upkeep(registry, loader, no_probes.clone()));
        settle(admission.pools()).await;
        let health = Health::new(health, admission.pools()).await;
        tasks.spawn(health.keep(not_ready.clone(), no_calls.clone()));
        let limits = ConnectionLimits::default();
        let grpc_server = tokio::spawn(serve_grpc(grpc, service, limits, no_calls.clone()));
        Ok(Self {
            server: policy.server,
            admission,
            ingests,
            sinks,
            grpc_address,
            http_address,
            not_ready,
            no_calls,
            no_replicas,
            no_probes,
            grpc_server,
            http_server,
            tasks,
        })
    }

    /// Whether any model is ready.
    pub fn is_ready(&self) -> bool {
        self.pools().is_empty() || self.pools().iter().any(|pool| pool.health().ready)
    }

    /// Waits until a model is ready, which is at once unless all of them have failed.
    pub async fn ready(&self) {
        if self.is_ready() {
            return;
        }
        let mut watches: Vec<_> = self.pools().iter().map(|pool| pool.watch_health()).collect();
        let ready = watches.iter_mut().map(|health| Box::pin(health.wait_for(|it| it.ready)));
        // The pools live as long as the gateway, so no channel closes.
        let _ = select_all(ready).await;
    }

    /// Where it serves gRPC.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where it serves `/metrics`, `/healthz` and `/readyz`.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Its pools, in the order of the policy.
    pub fn pools(&self) -> &[Arc<Pool>] {
        self.admission.pools()
    }

    /// Its Kafka ingests, in the order of the policy.
    pub fn ingests(&self) -> &[Arc<KafkaIngest>] {
        &self.ingests
    }
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let problem = || format!("{key}: cannot listen on {address}; is the port taken?");
    TcpListener::bind(address).await.with_context(problem)
}

fn spawn_pools(
    tasks: &TaskTracker,
    pools: &[Arc<Pool>],
    ingests: &[Arc<KafkaIngest>],
    stop: &CancellationToken,
) {
    for pool in pools {
        pool.start_initial();
        tasks.spawn(pool.clone().scale(waiting_demand(pool, ingests), stop.clone()));
        let (queue, stop) = (pool.queue().clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = queue.expire_due() => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Waits until the first replicas run or have failed, and logs what does not serve.
async fn settle(pools: &[Arc<Pool>]) {
    join_all(pools.iter().map(|pool| pool.settled())).await;
    for pool in pools {
        pool.tell_health();
        let PoolHealth { serving, problem, .. } = pool.health();
        if !serving {
            error!(model = %pool.name(), problem, "model does not serve");
        }
    }
}

/// What waits for a model in the topics of all ingests that feed it.
fn waiting_demand(pool: &Pool, ingests: &[Arc<KafkaIngest>]) -> WaitingDemand {
    let feeds = |ingest: &&Arc<KafkaIngest>| ingest.models().contains(pool.name());
    let feeding: Vec<_> = ingests.iter().filter(feeds).cloned().collect();
    Arc::new(move || feeding.iter().fold(0.0, |demand, ingest| demand + ingest.waiting_demand()))
}

async fn upkeep(registry: Registry, loader: FrameLoader, stop: CancellationToken) {
    let metrics = LoaderMetrics::new(&registry);
    let (runtime, tasks) = (Handle::current().metrics(), registry.gauge(names::TASKS, &[]));
    let cameras = CameraMetrics::new(&registry);
    let process = ProcessMetrics::new(&registry);
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                metrics.set(&loader.stats());
                tasks.set(runtime.num_alive_tasks() as f64);
                cameras.tidy_and_set();
                process.read_and_set();
                registry.upkeep();
            }
            () = stop.cancelled() => return,
        }
    }
}
