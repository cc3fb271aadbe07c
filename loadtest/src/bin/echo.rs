//! The least that a gRPC service with a queue costs: `framegate.v1.FrameService/Predict` of tonic,
//! whose requests go through one queue behind a mutex to two tasks that take up to eight at a time.
//!
//! It does nothing that a serving gateway is for: no fairness, deadlines, metrics, errors or
//! replicas. What a gateway adds to it is what these cost.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use clap::Parser;
use framegate_proto::v1::{
    PredictRequest, PredictResponse,
    frame_service_server::{FrameService, FrameServiceServer},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream, transport::Server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TASKS: usize = 2;
const BATCH: usize = 8;

/// Answers `Predict` with the request's id, through a queue.
#[derive(Parser)]
struct Options {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    filled: Notify,
}

struct Waiting {
    request_id: String,
    answer: oneshot::Sender<PredictResponse>,
}

impl Queue {
    fn push(&self, waiting: Waiting) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(waiting);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }

    async fn answer_all(&self) {
        loop {
            let batch = self.take();
            if batch.is_empty() {
                self.filled.notified().await;
            }
            for Waiting { request_id, answer } in batch {
                // A client that has left wants none.
                let _ = answer.send(PredictResponse { request_id, ..Default::default() });
            }
        }
    }
}

struct Echo(Arc<Queue>);

#[tonic::async_trait]
impl FrameService for Echo {
    async fn predict(
        &self,
        call: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let (answer, answered) = oneshot::channel();
        self.0.push(Waiting { request_id: call.into_inner().request_id, answer });
        let response = answered.await.map_err(|_| Status::internal("no answer"))?;
        Ok(Response::new(response))
    }

    async fn predict_stream(
        &self,
        _: Request<Streaming<PredictRequest>>,
    ) -> Result<Response<BoxStream<PredictResponse>>, Status> {
        Err(Status::unimplemented("the echo has no streams"))
    }
}

#[tokio::main]
#[allow(clippy::print_stdout)] // who starts it reads the port
async fn main() -> Result<()> {
    let listener = TcpListener::bind(Options::parse().listen).await?;
    println!("{}", listener.local_addr()?);
    let queue = Arc::new(Queue::default());
    for _ in 0..TASKS {
        let queue = queue.clone();
        tokio::spawn(async move { queue.answer_all().await });
    }
    let service = FrameServiceServer::new(Echo(queue));
    let incoming = TcpListenerStream::new(listener);
    Server::builder().tcp_nodelay(true).add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}
