//! A running gateway: everything of a policy behind its listeners, and the order in which it stops.

mod stop;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use framegate_replica::{Program, frame::FrameLoader};
use futures_util::future::select_all;
use tokio::{net::TcpListener, runtime::Handle, signal::unix::Signal, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ingest::{KafkaIngest, OutcomeObserver},
    live::{FileWatch, Live},
    metrics::{CameraMetrics, LoaderMetrics, ProcessMetrics, Registry, names},
    policy::Document,
    pool::Pool,
    server::{ConnectionLimits, Health, Readiness, Stack, serve_grpc, serve_http},
};

/// A running gateway. It stops only by [`Gateway::stop`].
pub struct Gateway {
    /// What it serves.
    live: Arc<Live>,

    // Where it listens.
    grpc_address: SocketAddr,
    http_address: SocketAddr,

    // How it stops.
    /// Readiness and health go off.
    not_ready: CancellationToken,
    /// The gRPC listener closes, and streams without end are ended.
    no_calls: CancellationToken,
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
        document: Document,
        program: Program,
        observer: Option<Arc<dyn OutcomeObserver>>,
    ) -> anyhow::Result<Self> {
        let server = &document.policy.server;
        let grpc = bind(server.grpc, "server.grpc").await?;
        let http = bind(server.http, "server.http").await?;
        let (grpc_address, http_address) = (grpc.local_addr()?, http.local_addr()?);
        let message_bytes = document.policy.limits.message_bytes;
        let registry = Registry::new()?;
        let live = Live::start(document, program, &registry, observer).await?;
        let [not_ready, no_calls, no_probes] = std::array::from_fn(|_| CancellationToken::new());
        let admission = live.admission().clone();
        let Stack { service, health } = Stack::new(message_bytes, &admission, &live, &no_calls)?;
        let readiness =
            Readiness::new(admission.clone(), live.ingests().clone(), not_ready.clone());
        let http_server =
            tokio::spawn(serve_http(http, registry.clone(), readiness, no_probes.clone()));
        let tasks = TaskTracker::new();
        tasks.spawn(upkeep(registry, live.loader().clone(), no_probes.clone()));
        live.run_pools().await;
        let health = Health::new(health, admission).await;
        tasks.spawn(health.keep(not_ready.clone(), no_calls.clone()));
        let limits = ConnectionLimits::default();
        let grpc_server = tokio::spawn(serve_grpc(grpc, service, limits, no_calls.clone()));
        Ok(Self {
            live,
            grpc_address,
            http_address,
            not_ready,
            no_calls,
            no_probes,
            grpc_server,
            http_server,
            tasks,
        })
    }

    /// From now on applies what stands in the policy's file, whenever that changes and at each
    /// `hangup`.
    pub fn follow(&self, file: FileWatch, hangup: Signal) {
        self.tasks.spawn(file.follow(self.live.clone(), hangup));
    }

    /// Whether any model is ready.
    pub fn is_ready(&self) -> bool {
        let pools = self.pools();
        pools.is_empty() || pools.iter().any(|pool| pool.health().ready)
    }

    /// Waits until a model is ready, which is at once unless all of them have failed.
    pub async fn ready(&self) {
        let mut rerouted = self.live.admission().watch_routes();
        while !self.is_ready() {
            let pools = self.pools();
            let mut watches: Vec<_> = pools.iter().map(|pool| pool.watch_health()).collect();
            let ready = watches.iter_mut().map(|health| Box::pin(health.wait_for(|it| it.ready)));
            // The pools are held here, so no channel closes.
            tokio::select! {
                _ = select_all(ready) => {}
                _ = rerouted.changed() => {}
            }
        }
    }

    /// Where it serves gRPC.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where it serves `/metrics`, `/healthz` and `/readyz`.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Its pools now, in the order of the policy.
    pub fn pools(&self) -> Vec<Arc<Pool>> {
        self.live.pools()
    }

    /// Its Kafka ingests now, in the order of the policy.
    pub fn ingests(&self) -> Arc<Vec<Arc<KafkaIngest>>> {
        self.live.ingests().current()
    }
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let problem = || format!("{key}: cannot listen on {address}; is the port taken?");
    TcpListener::bind(address).await.with_context(problem)
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
