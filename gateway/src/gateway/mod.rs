//! A running gateway: everything of a policy, wired together, and the order in which it stops.

mod build;
mod stop;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use framegate_replica::frame::FrameLoader;
use futures_util::future::join_all;
use tokio::{net::TcpListener, runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic_health::server::HealthReporter;

use crate::{
    admission::Admission,
    ingest::{KafkaIngest, OutcomeObserver},
    metrics::{CameraMetrics, LoaderMetrics, PoolMetrics, Registry, UNKNOWN_MODEL, names},
    policy::{self, Policy},
    pool::{Pool, WaitingDemand},
    server::{ConnectionLimits, Readiness, Stack, serve_grpc, serve_http},
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
    health: HealthReporter,
    /// Readiness goes off.
    not_ready: CancellationToken,
    /// The gRPC listener closes.
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
    /// run or have failed.
    ///
    /// # Errors
    /// When a listener cannot be bound, an artifact not be read, ONNX Runtime not be loaded or a
    /// sink not be opened.
    pub async fn start(
        policy: Policy,
        observer: Option<Arc<dyn OutcomeObserver>>,
    ) -> anyhow::Result<Self> {
        let grpc = bind(policy.server.grpc, "server.grpc").await?;
        let http = bind(policy.server.http, "server.http").await?;
        let (grpc_address, http_address) = (grpc.local_addr()?, http.local_addr()?);
        let registry = Registry::new()?;
        let loader = build::loader(&policy);
        let pools = build::pools(&policy, &loader, &registry)?;
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
        join_all(admission.pools().iter().map(|pool| pool.settled())).await;
        let limits = ConnectionLimits::default();
        let grpc_server = tokio::spawn(serve_grpc(grpc, service, limits, no_calls.clone()));
        Ok(Self {
            server: policy.server,
            admission,
            ingests,
            sinks,
            grpc_address,
            http_address,
            health,
            not_ready,
            no_calls,
            no_replicas,
            no_probes,
            grpc_server,
            http_server,
            tasks,
        })
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

/// What waits for a model in the topics of all ingests that feed it.
fn waiting_demand(pool: &Pool, ingests: &[Arc<KafkaIngest>]) -> WaitingDemand {
    let feeds = |ingest: &&Arc<KafkaIngest>| ingest.models().contains(pool.name());
    let feeding: Vec<_> = ingests.iter().filter(feeds).cloned().collect();
    Arc::new(move || feeding.iter().map(|ingest| ingest.waiting_demand()).sum())
}

async fn upkeep(registry: Registry, loader: FrameLoader, stop: CancellationToken) {
    let metrics = LoaderMetrics::new(&registry);
    let (runtime, tasks) = (Handle::current().metrics(), registry.gauge(names::TASKS, &[]));
    let cameras = CameraMetrics::new(&registry);
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                metrics.set(&loader.stats());
                tasks.set(runtime.num_alive_tasks() as f64);
                cameras.tidy_and_set();
                registry.upkeep();
            }
            () = stop.cancelled() => return,
        }
    }
}
