use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_batcher::{Origin, Priority};
use framegate_proto::{
    ErrorCode, ServeError,
    v1::{
        FrameReference, PredictRequest, PredictResponse, frame_reference::Source,
        frame_service_server::FrameService,
    },
};
use framegate_replica::{Answer, frame::Region};
use futures_util::future::join_all;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::{call, convert};
use crate::{
    admission::Admission,
    intake::{FrameRequest, FrameSource},
};

/// `framegate.v1.FrameService`.
pub struct Frames {
    admission: Arc<Admission>,
    default_timeout: Duration,
}

/// Longest `request_id`, in bytes.
const MAX_REQUEST_ID: usize = 256;
/// Longest `camera_id`, in bytes.
const MAX_CAMERA_ID: usize = 256;
/// Most models that one request may name.
const MAX_MODELS: usize = 64;

impl Frames {
    /// Serves calls that say no deadline of their own within `default_timeout`.
    pub fn new(admission: Arc<Admission>, default_timeout: Duration) -> Self {
        Self { admission, default_timeout }
    }

    /// The models asked for; all of the policy if none.
    fn models(&self, names: &[String]) -> Vec<Arc<str>> {
        if names.is_empty() {
            return self.admission.pools().iter().map(|pool| pool.name().clone()).collect();
        }
        names.iter().map(|name| Arc::from(name.as_str())).collect()
    }

    async fn answer(&self, request: &FrameRequest, models: &[Arc<str>]) -> Vec<Answer> {
        let tickets = self.admission.admit(request, models);
        join_all(tickets.into_iter().map(|ticket| ticket.answer())).await
    }
}

#[tonic::async_trait]
impl FrameService for Frames {
    async fn predict(
        &self,
        request: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let timeout = call::timeout(request.metadata()).unwrap_or(self.default_timeout);
        // A timeout beyond the end of time is none.
        let deadline = Instant::now().checked_add(timeout);
        let client = call::identity(request.extensions());
        let request = request.into_inner();
        let models = self.models(&request.models);
        let (request_id, frame) = read(request, client, deadline)
            .inspect_err(|error| self.admission.count_refused(error))?;
        let answers = self.answer(&frame, &models).await;
        if let Some(error) = convert::common_error(&answers) {
            return Err(error.into());
        }
        let results = models.iter().zip(&answers);
        Ok(Response::new(PredictResponse {
            request_id,
            results: results.map(|(model, answer)| convert::model_result(model, answer)).collect(),
            error: None,
            timings: Some(convert::timings(&answers)),
        }))
    }
}

/// A request's id, and what it asks to look at.
fn read(
    request: PredictRequest,
    client: String,
    deadline: Option<Instant>,
) -> Result<(String, FrameRequest), ServeError> {
    check(&request)?;
    let frame = frame_request(request.frame, request.priority, client, deadline)?;
    Ok((request.request_id, frame))
}

fn check(request: &PredictRequest) -> Result<(), ServeError> {
    let camera = request.frame.as_ref().map_or("", |frame| &frame.camera_id);
    let problem = if request.request_id.len() > MAX_REQUEST_ID {
        format!("request_id has more than {MAX_REQUEST_ID} bytes")
    } else if camera.len() > MAX_CAMERA_ID {
        format!("frame.camera_id has more than {MAX_CAMERA_ID} bytes")
    } else if request.models.len() > MAX_MODELS {
        format!("models names more than {MAX_MODELS}")
    } else if let Some(twice) = duplicate(&request.models) {
        format!("models names `{twice}` twice")
    } else {
        return Ok(());
    };
    Err(invalid(problem))
}

fn duplicate(names: &[String]) -> Option<&str> {
    let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
    twice.map(|(_, name)| name.as_str())
}

fn frame_request(
    frame: Option<FrameReference>,
    priority: Option<u32>,
    client: String,
    deadline: Option<Instant>,
) -> Result<FrameRequest, ServeError> {
    let frame = frame.ok_or_else(|| invalid("frame is missing; give frame.uri or frame.data"))?;
    let source = match frame.source {
        Some(Source::Uri(uri)) => FrameSource::Uri(uri),
        Some(Source::Data(data)) => FrameSource::Inline(data),
        None => return Err(invalid("frame has no source; give frame.uri or frame.data")),
    };
    let priority = priority.map(Priority::try_from).transpose();
    let priority = priority.map_err(|error| invalid(error.to_string()))?.unwrap_or_default();
    let region = frame.region.map(|region| Region {
        x: region.x,
        y: region.y,
        width: region.width,
        height: region.height,
    });
    let captured_at = frame.captured_at.map(SystemTime::try_from).transpose();
    let captured_at = captured_at.map_err(|_| invalid("frame.captured_at is not a valid time"))?;
    let camera_id: Option<Arc<str>> =
        (!frame.camera_id.is_empty()).then(|| frame.camera_id.as_str().into());
    Ok(FrameRequest {
        source,
        region,
        fairness_key: camera_id.clone().unwrap_or_else(|| client.into()),
        camera_id,
        captured_at,
        priority,
        origin: Origin::Interactive,
        deadline,
        expiry: ErrorCode::DeadlineExceeded,
    })
}

fn invalid(problem: impl Into<String>) -> ServeError {
    ServeError::with_message(ErrorCode::InvalidRequest, problem.into())
}
