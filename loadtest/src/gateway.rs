//! A gateway that is called.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use framegate_proto::v1::{
    PredictResponse, frame_service_client::FrameServiceClient, model_result::Outcome,
};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use crate::requests::Requests;

/// A connection to a gateway, and what it is asked.
#[derive(Clone)]
pub struct Gateway {
    client: FrameServiceClient<Channel>,
    requests: Requests,
}

impl Gateway {
    /// Connects.
    ///
    /// # Errors
    /// When the address is none, or nothing listens there.
    pub async fn connect(address: &str, requests: Requests) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .with_context(|| format!("{address} is no address; write HOST:PORT"))?
            .connect_timeout(Duration::from_secs(3))
            .tcp_nodelay(true);
        let channel = endpoint.connect().await;
        let channel = channel.with_context(|| format!("no gateway answers at {address}"))?;
        Ok(Self { client: FrameServiceClient::new(channel), requests })
    }

    /// See [`crate::target::Target::call`].
    pub async fn call(&mut self, number: u64, timeout: Duration) -> String {
        let mut request = Request::new(self.requests.get(number));
        request.set_timeout(timeout);
        let sent = Instant::now();
        match self.client.predict(request).await {
            Ok(response) => end(response.get_ref()),
            Err(status) => reason(&status, sent.elapsed() >= timeout),
        }
    }
}

/// `OK`, or the reason of the first model that has failed.
fn end(response: &PredictResponse) -> String {
    let mut errors = response.results.iter().filter_map(|result| match &result.outcome {
        Some(Outcome::Error(error)) => Some(error.reason.clone()),
        _ => None,
    });
    errors.next().unwrap_or_else(|| "OK".to_owned())
}

fn reason(status: &Status, is_over: bool) -> String {
    match status.get_details_error_info() {
        Some(info) => info.reason,
        // So tonic's clients call it when their own time is over.
        None if is_over && status.code() == Code::Cancelled => "DEADLINE_EXCEEDED".to_owned(),
        None => format!("{:?}", status.code()),
    }
}
