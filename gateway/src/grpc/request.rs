//! From the API's request to the gateway's own, or why that cannot be.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_batcher::{Origin, Priority};
use framegate_proto::{
    ErrorCode, ServeError,
    v1::{FrameReference, PredictRequest, frame_reference::Source},
};
use framegate_replica::frame::Region;
use tokio::time::Instant;

use super::call::Caller;
use crate::intake::{FrameRequest, FrameSource};

/// Longest `request_id`, in bytes.
const MAX_REQUEST_ID: usize = 256;
/// Longest `camera_id`, in bytes.
const MAX_CAMERA_ID: usize = 256;
/// Most models that one request may name.
const MAX_MODELS: usize = 64;

/// What a request asks for, within the API's rules.
pub(super) struct Asked {
    /// The client's name for it.
    pub(super) request_id: String,
    /// The models that it names; none means all.
    pub(super) models: Vec<String>,
    /// What to look at, and until when.
    pub(super) frame: FrameRequest,
}

/// What a request that is read `now` asks for.
///
/// # Errors
/// `InvalidRequest`, with what is wrong.
pub(super) fn read(
    request: PredictRequest,
    caller: &Caller,
    default_timeout: Duration,
    now: Instant,
) -> Result<Asked, ServeError> {
    check(&request)?;
    let timeout = request.timeout.map(timeout).transpose()?;
    let frame = request.frame;
    let frame = frame.ok_or_else(|| invalid("frame is missing; give frame.uri or frame.data"))?;
    let priority = request.priority.map(Priority::try_from).transpose();
    let captured_at = frame.captured_at.map(SystemTime::try_from).transpose();
    let camera_id = camera_id(&frame);
    let frame = FrameRequest {
        region: frame.region.map(region),
        source: source(frame.source)?,
        fairness_key: camera_id.clone().unwrap_or_else(|| caller.identity.clone()),
        camera_id,
        captured_at: captured_at.map_err(|_| invalid("frame.captured_at is not a valid time"))?,
        priority: priority.map_err(|error| invalid(error.to_string()))?.unwrap_or_default(),
        origin: Origin::Interactive,
        deadline: caller.deadline_of(timeout, default_timeout, now),
        expiry: ErrorCode::DeadlineExceeded,
    };
    Ok(Asked { request_id: request.request_id, models: request.models, frame })
}

/// A request's id as it is returned: unchanged, or only its beginning where it is too long.
pub(super) fn returned_id(request: &PredictRequest) -> String {
    let id = &request.request_id;
    id[..id.floor_char_boundary(MAX_REQUEST_ID)].to_owned()
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

fn timeout(written: prost_types::Duration) -> Result<Duration, ServeError> {
    let timeout = Duration::try_from(written).ok().filter(|timeout| !timeout.is_zero());
    timeout.ok_or_else(|| invalid("timeout is not above zero; leave it out for the default"))
}

fn source(source: Option<Source>) -> Result<FrameSource, ServeError> {
    match source {
        Some(Source::Uri(uri)) => Ok(FrameSource::Uri(uri)),
        Some(Source::Data(data)) => Ok(FrameSource::Inline(data)),
        None => Err(invalid("frame has no source; give frame.uri or frame.data")),
    }
}

fn region(region: framegate_proto::v1::Region) -> Region {
    Region { x: region.x, y: region.y, width: region.width, height: region.height }
}

fn camera_id(frame: &FrameReference) -> Option<Arc<str>> {
    (!frame.camera_id.is_empty()).then(|| frame.camera_id.as_str().into())
}

fn invalid(problem: impl Into<String>) -> ServeError {
    ServeError::with_message(ErrorCode::InvalidRequest, problem.into())
}
