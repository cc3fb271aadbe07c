//! What the tests of this folder share: a busy gateway's snapshots, and a gateway that serves them.
#![allow(clippy::unwrap_used)]

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use framegate_proto::v1::{
    self, ReplicaState, WatchPoolsRequest, WatchPoolsResponse,
    model_result::Outcome,
    operator_service_server::{OperatorService, OperatorServiceServer},
};
use jiff::tz::TimeZone;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, codegen::BoxStream, transport::Server};

use super::{client::Update, screen::Screen};

/// A screen that has seen two snapshots, at 100 s and 101 s.
pub fn screen() -> Screen {
    let interval = Duration::from_secs(1);
    let mut screen = Screen::new("127.0.0.1:9000".to_owned(), interval, TimeZone::UTC);
    screen.take(update(100));
    screen.take(update(101));
    screen
}

/// A gateway with two pools and twelve cameras, so many seconds after 1970.
pub fn update(second: u64) -> Update {
    Update::Snapshot(Box::new(WatchPoolsResponse {
        time: time(second, 0),
        pools: vec![detector(second), broken()],
        cameras: (1..=12).rev().map(|number| camera(number, second)).collect(),
        latest_results: results(second),
    }))
}

fn detector(second: u64) -> v1::Pool {
    use ReplicaState::{Draining, Running, Starting};
    let reasons = |counts: &[(&str, u64)]| -> HashMap<String, u64> {
        counts.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
    };
    let since = second - 100;
    let replica = |state: ReplicaState| v1::Replica { state: state.into(), ..Default::default() };
    v1::Pool {
        model: "detector".into(),
        version: "1.0".into(),
        queued: 12,
        ongoing: 28,
        desired_replicas: 4,
        replicas: [Running, Draining, Running, Starting].map(replica).to_vec(),
        demand: 2.5 + 10.0 * since as f64,
        min_replicas: 1,
        max_replicas: 4,
        serving: true,
        problem: String::new(),
        counters: Some(v1::PoolCounters {
            results: 10_000 + 42 * since,
            failures: reasons(&[("QUEUE_FULL", 1)]),
            drops: reasons(&[("superseded", 2), ("too_old", 9 + 3 * since)]),
            batches: 3_000 + 12 * since,
            batched_entries: 10_500 + 42 * since,
            frame_age_seconds_sum: 2_500.0 + 10.0 * since as f64,
            frame_age_count: 10_000 + 40 * since,
        }),
        batch_limits: Some(v1::BatchLimits { max_batch_size: 4, batch_wait_timeout: None }),
    }
}

fn broken() -> v1::Pool {
    let failed = v1::Replica { state: ReplicaState::Failed.into(), ..Default::default() };
    v1::Pool {
        model: "classifier".into(),
        version: "2".into(),
        desired_replicas: 1,
        replicas: vec![failed],
        min_replicas: 1,
        max_replicas: 2,
        problem: "the model cannot be loaded".into(),
        counters: Some(v1::PoolCounters::default()),
        ..Default::default()
    }
}

/// `camera_2` has the most frames, `camera_3` the most skipped, `camera_4` the most errors.
fn camera(number: u64, second: u64) -> v1::Camera {
    let (frames, skipped) = (if number == 2 { 15 } else { 5 }, if number == 3 { 4 } else { 0 });
    v1::Camera {
        camera_id: format!("camera_{number}"),
        frames: frames * second,
        results: (2 * frames - skipped) * second,
        skipped: skipped * second,
        errors: if number == 4 { 7 } else { 0 },
        last_frame_at: time(second - 1, 800_000_000),
    }
}

fn results(second: u64) -> Vec<v1::CameraResult> {
    let found =
        |label: &str, score| v1::Detection { label: label.to_owned(), score, ..Default::default() };
    let items = vec![found("car", 0.5), found("person", 0.9125), found("person", 0.75)];
    let class = v1::Class { label: "street sign, signpost".into(), index: 919, score: 0.625 };
    let outcomes = [
        ("detector", Outcome::Detections(v1::Detections { items })),
        (
            "classifier",
            Outcome::Classification(v1::Classification { classes: vec![class], embedding: None }),
        ),
        ("detector", Outcome::Detections(v1::Detections::default())),
        (
            "detector",
            Outcome::Error(v1::Error {
                code: 8,
                reason: "QUEUE_FULL".into(),
                message: "The queue of the model is full.".into(),
            }),
        ),
    ];
    let result = |(number, (model, outcome)): (usize, (&str, Outcome))| v1::CameraResult {
        camera_id: format!("camera_{}", number + 1),
        captured_at: time(second, 100_000_000),
        result: Some(v1::ModelResult {
            model: model.to_owned(),
            outcome: Some(outcome),
            ..Default::default()
        }),
    };
    outcomes.into_iter().enumerate().map(result).collect()
}

fn time(second: u64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: second.cast_signed(), nanos })
}

/// A gateway that serves one pool's snapshots, one per interval.
pub struct FakeGateway {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl FakeGateway {
    /// Starts it at an address, else at a free port.
    pub async fn start(address: Option<SocketAddr>) -> Self {
        let address = address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let service = OperatorServiceServer::new(Fake { stop: stop.clone() });
        let stopped = stop.clone().cancelled_owned();
        let incoming = TcpListenerStream::new(listener);
        let serving = tokio::spawn(async move {
            let server = Server::builder().add_service(service);
            server.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
        });
        Self { address, stop, serving }
    }

    /// Ends its calls and closes its port.
    pub async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

struct Fake {
    stop: CancellationToken,
}

#[tonic::async_trait]
impl OperatorService for Fake {
    async fn watch_pools(
        &self,
        request: Request<WatchPoolsRequest>,
    ) -> Result<Response<BoxStream<WatchPoolsResponse>>, Status> {
        let interval = Duration::try_from(request.into_inner().interval.unwrap()).unwrap();
        let snapshots = futures_util::stream::unfold(
            (self.stop.clone(), tokio::time::interval(interval)),
            |(stop, mut ticks)| async move {
                tokio::select! {
                    () = stop.cancelled() => None,
                    _ = ticks.tick() => Some((snapshot(), (stop, ticks))),
                }
            },
        );
        Ok(Response::new(Box::pin(snapshots.map(Ok))))
    }
}

fn snapshot() -> WatchPoolsResponse {
    WatchPoolsResponse { pools: vec![detector(100)], ..Default::default() }
}
