//! `framegate record`: what comes into a running gateway, as a trace.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use framegate_proto::v1::{
    Arrival, RecordLoadRequest, RecordLoadResponse, operator_service_client::OperatorServiceClient,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::recording::Recorded;
use crate::client::endpoint;

/// What was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that are in the recording.
    pub frames: u64,
    /// Further ones that are not, because it was too slow.
    pub missed: u64,
}

/// How long the gateway may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Writes a line of JSON for each frame that comes into the gateway at `address`, for so long, or
/// until `stop`.
///
/// # Errors
/// When the gateway cannot be reached, or ends; or nothing can be written.
pub async fn record(
    address: &str,
    lasts: Duration,
    out: &mut (dyn Write + Send),
    stop: &CancellationToken,
) -> anyhow::Result<Counts> {
    let connecting = endpoint(address)?;
    let until = Instant::now() + ANSWER_LIMIT;
    let no_gateway = || format!("no gateway answers at {address}; give its gRPC address");
    let channel = connecting.connect().await.with_context(no_gateway)?;
    let mut client = OperatorServiceClient::new(channel);
    let called = timeout_at(until, client.record_load(RecordLoadRequest {})).await;
    let mut responses = called.with_context(no_gateway)?.with_context(no_gateway)?.into_inner();
    let (start, until) = (SystemTime::now(), Instant::now() + lasts);
    let mut counts = Counts::default();
    loop {
        let response = tokio::select! {
            () = stop.cancelled() => return Ok(counts),
            response = timeout_at(until, responses.message()) => response,
        };
        let Ok(response) = response else { return Ok(counts) };
        let Some(RecordLoadResponse { arrivals, missed }) =
            response.context("the gateway has ended the recording")?
        else {
            anyhow::bail!("the gateway has ended the recording");
        };
        counts.missed = missed;
        for arrival in arrivals {
            serde_json::to_writer(&mut *out, &recorded(arrival, start))?;
            out.write_all(b"\n")?;
            counts.frames += 1;
        }
        out.flush()?;
    }
}

fn recorded(arrival: Arrival, start: SystemTime) -> Recorded {
    let at = arrival.at.and_then(|at| SystemTime::try_from(at).ok()).unwrap_or(start);
    Recorded {
        at: at.duration_since(start).unwrap_or_default().as_secs_f64(),
        camera_id: arrival.camera_id,
        models: arrival.models,
    }
}
