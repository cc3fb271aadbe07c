use std::sync::Arc;

use framegate_proto::{
    ErrorCode, ServeError,
    v1::{
        self, ApplyPolicyRequest, CheckPolicyRequest, DrainReplicaRequest, ExplainScalingRequest,
        ExplainScalingResponse, GetPolicyRequest, GetPoolRequest, ListPoolsRequest,
        ListPoolsResponse, PolicyAnswer, RecordLoadRequest, RecordLoadResponse,
        RollbackPolicyRequest, RunningPolicy, WatchPoolsRequest, WatchPoolsResponse,
        operator_service_server::OperatorService,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, codegen::BoxStream};

use super::{call, policy_view, pool_view, scaling_view, watch::Watches};
use crate::{admission::Admission, live::Live, pool::Pool};

/// `framegate.v1.OperatorService`.
pub struct Operator {
    admission: Arc<Admission>,
    live: Arc<Live>,
    watches: Watches,
}

impl Operator {
    /// Answers for these pools. Watches end with `ending`, so that they do not hold up the stop.
    pub fn new(admission: Arc<Admission>, live: Arc<Live>, ending: CancellationToken) -> Self {
        let watches = Watches::new(admission.clone(), ending);
        Self { admission, live, watches }
    }

    fn pool(&self, model: &str) -> Result<Arc<Pool>, ServeError> {
        let pool = self.admission.routes().pool(model).cloned();
        pool.ok_or(ServeError::new(ErrorCode::UnknownModel))
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
        Ok(Response::new(pool_view::pool(&pool)))
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
        let decisions = scaling_view::decisions(&pool, most);
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
        let routes = self.admission.routes();
        let drained = routes.pools().iter().find_map(|pool| pool.drain(id));
        let drained = drained.ok_or(ServeError::new(ErrorCode::UnknownReplica))?;
        Ok(Response::new(pool_view::replica(&drained)))
    }

    async fn get_policy(
        &self,
        _: Request<GetPolicyRequest>,
    ) -> Result<Response<RunningPolicy>, Status> {
        Ok(Response::new(policy_view::running(&self.live)))
    }

    async fn check_policy(
        &self,
        request: Request<CheckPolicyRequest>,
    ) -> Result<Response<PolicyAnswer>, Status> {
        let outcome = self.live.check(request.into_inner().yaml).await;
        Ok(Response::new(policy_view::answer(outcome)))
    }

    async fn apply_policy(
        &self,
        request: Request<ApplyPolicyRequest>,
    ) -> Result<Response<PolicyAnswer>, Status> {
        let outcome = self.live.apply(request.into_inner().yaml).await;
        Ok(Response::new(policy_view::answer(outcome)))
    }

    async fn rollback_policy(
        &self,
        _: Request<RollbackPolicyRequest>,
    ) -> Result<Response<PolicyAnswer>, Status> {
        Ok(Response::new(policy_view::answer(self.live.roll_back().await)))
    }
}
