use std::sync::Arc;

use framegate_proto::{
    ErrorCode, ServeError,
    v1::{
        self, GetPoolRequest, ListPoolsRequest, ListPoolsResponse,
        operator_service_server::OperatorService,
    },
};
use framegate_replica::ReplicaState;
use tonic::{Request, Response, Status};

use crate::{
    admission::Admission,
    pool::{Pool, ReplicaView},
};

/// `framegate.v1.OperatorService`.
pub struct Operator {
    admission: Arc<Admission>,
}

impl Operator {
    /// Answers for these pools.
    pub fn new(admission: Arc<Admission>) -> Self {
        Self { admission }
    }
}

#[tonic::async_trait]
impl OperatorService for Operator {
    async fn list_pools(
        &self,
        _: Request<ListPoolsRequest>,
    ) -> Result<Response<ListPoolsResponse>, Status> {
        let pools = self.admission.pools().iter().map(|pool| view(pool)).collect();
        Ok(Response::new(ListPoolsResponse { pools }))
    }

    async fn get_pool(
        &self,
        request: Request<GetPoolRequest>,
    ) -> Result<Response<v1::Pool>, Status> {
        let unknown = || ServeError::new(ErrorCode::UnknownModel);
        let pool = self.admission.pool(&request.get_ref().model).ok_or_else(unknown)?;
        Ok(Response::new(view(pool)))
    }
}

fn view(pool: &Pool) -> v1::Pool {
    let snapshot = pool.snapshot();
    v1::Pool {
        model: pool.name().to_string(),
        queued: count(snapshot.queued),
        ongoing: count(snapshot.ongoing),
        desired_replicas: pool.desired_replicas(),
        replicas: pool.replicas().iter().map(replica).collect(),
        version: pool.spec().version.to_string(),
        ..Default::default()
    }
}

fn replica(ReplicaView { id, status }: &ReplicaView) -> v1::Replica {
    let state = match status.state {
        ReplicaState::Starting => v1::ReplicaState::Starting,
        ReplicaState::Running => v1::ReplicaState::Running,
        ReplicaState::Draining => v1::ReplicaState::Draining,
        ReplicaState::Stopped => v1::ReplicaState::Stopped,
        ReplicaState::Failed => v1::ReplicaState::Failed,
    };
    v1::Replica {
        id: id.to_string(),
        state: state.into(),
        placement: v1::Placement::Thread.into(),
        ongoing: count(status.ongoing),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
