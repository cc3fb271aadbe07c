use std::sync::Arc;

use framegate_proto::{
    ErrorCode, ServeError,
    v1::{
        self, DrainReplicaRequest, ExplainScalingRequest, ExplainScalingResponse, GetPoolRequest,
        ListPoolsRequest, ListPoolsResponse, RecordLoadRequest, RecordLoadResponse,
        WatchPoolsRequest, WatchPoolsResponse, operator_service_server::OperatorService,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, codegen::BoxStream};

use super::{call, pool_view, scaling_view, watch::Watches};
use crate::{admission::Admission, pool::Pool};

/// `framegate.v1.OperatorService`.
pub struct Operator {
    admission: Arc<Admission>,
    watches: Watches,
}

impl Operator {
    /// Answers for these pools. Watches end with `ending`, so that they do not hold up the stop.
    pub fn new(admission: Arc<Admission>, ending: CancellationToken) -> Self {
        let watches = Watches::new(admission.clone(), ending);
        Self { admission, watches }
    }

    fn pool(&self, model: &str) -> Result<&Arc<Pool>, ServeError> {
        self.admission.pool(model).ok_or(ServeError::new(ErrorCode::UnknownModel))
    }
}

#[tonic::async_trait]
impl OperatorService for Operator {
    async fn list_pools(
        &self,
        _: Request<ListPoolsRequest>,
    ) -> Result<Response<ListPoolsResponse>, Status> {
        let pools = pool_view::pools(&self.admission);
        Ok(Response::new(ListPoolsResponse { pools }))
    }

    async fn get_pool(
        &self,
        request: Request<GetPoolRequest>,
    ) -> Result<Response<v1::Pool>, Status> {
        let pool = self.pool(&request.get_ref().model)?;
        Ok(Response::new(pool_view::pool(pool)))
    }

    async fn watch_pools(
        &self,
        request: Request<WatchPoolsRequest>,
    ) -> Result<Response<BoxStream<WatchPoolsResponse>>, Status> {
        let deadline = call::deadline(request.metadata());
        let responses = self.watches.open(request.get_ref(), deadline)?;
        Ok(Response::new(Box::pin(responses)))
    }

    async fn explain_scaling(
        &self,
        request: Request<ExplainScalingRequest>,
    ) -> Result<Response<ExplainScalingResponse>, Status> {
        let ExplainScalingRequest { model, limit } = request.get_ref();
        let pool = self.pool(model)?;
        let most = if *limit == 0 { usize::MAX } else { *limit as usize };
        let decisions = scaling_view::decisions(pool, most);
        Ok(Response::new(ExplainScalingResponse { decisions }))
    }

    async fn record_load(
        &self,
        request: Request<RecordLoadRequest>,
    ) -> Result<Response<BoxStream<RecordLoadResponse>>, Status> {
        let responses = self.watches.record(call::deadline(request.metadata()))?;
        Ok(Response::new(Box::pin(responses)))
    }

    async fn drain_replica(
        &self,
        request: Request<DrainReplicaRequest>,
    ) -> Result<Response<v1::Replica>, Status> {
        let id = &request.get_ref().replica;
        let drained = self.admission.pools().iter().find_map(|pool| pool.drain(id));
        let drained = drained.ok_or(ServeError::new(ErrorCode::UnknownReplica))?;
        Ok(Response::new(pool_view::replica(&drained)))
    }
}
