use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{admission::Admission, ingest::Ingests, metrics::Registry, pool::PoolHealth};

/// Whether the gateway wants new requests, and what is wrong.
#[derive(Clone)]
pub struct Readiness {
    admission: Arc<Admission>,
    ingests: Ingests,
    stopping: CancellationToken,
}

impl Readiness {
    /// Ready while any pool and every ingest is, and until `stopping`. One model of several that
    /// cannot be served is no reason to take the requests for the others elsewhere.
    pub fn new(admission: Arc<Admission>, ingests: Ingests, stopping: CancellationToken) -> Self {
        Self { admission, ingests, stopping }
    }

    /// Whether it is ready, and a line for each problem: there may be some even if it is.
    fn judge(&self) -> (bool, Vec<String>) {
        if self.stopping.is_cancelled() {
            return (false, vec!["stopping".to_owned()]);
        }
        let ingests = self.ingests.current();
        if ingests.iter().any(|ingest| !ingest.healthy()) {
            let problem = "a Kafka consumer has panicked; the log says where";
            return (false, vec![problem.to_owned()]);
        }
        let routes = self.admission.routes();
        let health: Vec<_> =
            routes.pools().iter().map(|pool| (pool.name(), pool.health())).collect();
        let of_pools = health.iter().filter_map(|(model, health)| problem(model, health));
        let of_ingests = ingests.iter().filter_map(|ingest| ingest.problem());
        let problems = of_pools.chain(of_ingests).collect();
        let any_ready = health.is_empty() || health.iter().any(|(_, health)| health.ready);
        (any_ready, problems)
    }
}

fn problem(model: &str, health: &PoolHealth) -> Option<String> {
    let problem = match health {
        PoolHealth { problem, .. } if !problem.is_empty() => problem,
        PoolHealth { ready: false, .. } => "no replica runs yet",
        _ => return None,
    };
    Some(format!("model `{model}`: {problem}"))
}

/// Serves `/metrics`, `/healthz` and `/readyz` on `listener` until `stop`.
pub async fn serve_http(
    listener: TcpListener,
    registry: Registry,
    readiness: Readiness,
    stop: CancellationToken,
) {
    let router = Router::new()
        .route("/metrics", get(metrics).with_state(registry))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready).with_state(readiness));
    let serve = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serve.await {
        error!(%error, "HTTP listener failed");
    }
}

async fn metrics(State(registry): State<Registry>) -> String {
    registry.render()
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let (is_ready, problems) = readiness.judge();
    let lines = is_ready.then(|| "ready".to_owned()).into_iter().chain(problems);
    let body = lines.map(|line| line + "\n").collect();
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
}
