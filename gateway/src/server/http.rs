use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{admission::Admission, ingest::KafkaIngest, metrics::Registry};

/// Whether the gateway wants new requests, and why not.
#[derive(Clone)]
pub struct Readiness {
    admission: Arc<Admission>,
    ingests: Vec<Arc<KafkaIngest>>,
    stopping: CancellationToken,
}

impl Readiness {
    /// Ready while every pool and every ingest is, and until `stopping`.
    pub fn new(
        admission: Arc<Admission>,
        ingests: Vec<Arc<KafkaIngest>>,
        stopping: CancellationToken,
    ) -> Self {
        Self { admission, ingests, stopping }
    }

    /// What keeps it from being ready, if anything.
    fn problem(&self) -> Option<String> {
        if self.stopping.is_cancelled() {
            return Some("stopping".to_owned());
        }
        if self.ingests.iter().any(|ingest| !ingest.healthy()) {
            return Some("a Kafka consumer has failed for good; the log says why".to_owned());
        }
        let waiting = self.admission.pools().iter().find(|pool| !pool.health().ready)?;
        Some(format!("model `{}` has no running replica", waiting.name()))
    }
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
    match readiness.problem() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")),
    }
}
