use std::sync::Arc;

use framegate_proto::v1::{PredictRequest, PredictResponse, frame_service_server::FrameService};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};

use super::{
    call::Caller,
    predict::Predictor,
    stream::{Exchange, closing},
};
use crate::admission::Admission;

/// `framegate.v1.FrameService`.
pub struct Frames {
    predictor: Predictor,
    /// Streams are not read any more.
    no_calls: CancellationToken,
}

impl Frames {
    /// Reads streams until `no_calls`.
    pub fn new(admission: Arc<Admission>, no_calls: CancellationToken) -> Self {
        Self { predictor: Predictor::new(admission), no_calls }
    }
}

#[tonic::async_trait]
impl FrameService for Frames {
    async fn predict(
        &self,
        call: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let caller = Caller::new(&call);
        let prediction = self.predictor.start(call.into_inner(), &caller)?;
        Ok(Response::new(prediction.response().await?))
    }

    /// No task and no channel stands behind the stream: its entries are cancelled with it, and it
    /// is only read when its client takes responses.
    async fn predict_stream(
        &self,
        call: Request<Streaming<PredictRequest>>,
    ) -> Result<Response<BoxStream<PredictResponse>>, Status> {
        let caller = Caller::new(&call);
        let (predictor, deadline) = (self.predictor.clone(), caller.deadline);
        let answer = move |request| predictor.respond(request, &caller).boxed();
        let closing = closing(self.no_calls.clone(), deadline);
        let exchange = Exchange::new(call.into_inner(), answer, closing, deadline);
        Ok(Response::new(Box::pin(exchange.into_stream())))
    }
}
