use std::{error::Error, iter, time::Duration};

use framegate_proto::v1::{
    WatchPoolsRequest, WatchPoolsResponse, operator_service_client::OperatorServiceClient,
};
use tokio::{
    sync::mpsc::Sender,
    time::{sleep, timeout},
};
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::client::endpoint;

/// Watches a gateway by its `WatchPools` call.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
    request: WatchPoolsRequest,
    /// A gateway that says nothing for so long is taken to be away.
    silence: Duration,
}

/// What there is to tell of the gateway.
#[derive(Debug)]
pub enum Update {
    /// Its state now.
    Snapshot(Box<WatchPoolsResponse>),
    /// It does not answer, or not any more.
    Lost {
        /// Why, in short.
        reason: String,
        /// When it is asked again.
        retry_in: Duration,
    },
}

/// How long a gateway may be late with a snapshot.
const GRACE: Duration = Duration::from_secs(5);
/// A snapshot may not be longer than this, in bytes.
const MAX_SNAPSHOT: usize = 32 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Client {
    /// For the gateway at `address`, such as `127.0.0.1:9000`; it is asked for its state at each
    /// `interval`, with so many of its latest results.
    ///
    /// # Errors
    /// When that is no address.
    pub fn new(address: &str, interval: Duration, latest_results: u32) -> anyhow::Result<Self> {
        Ok(Self {
            endpoint: endpoint(address)?,
            request: WatchPoolsRequest {
                interval: prost_types::Duration::try_from(interval).ok(),
                latest_results,
            },
            silence: interval + GRACE,
        })
    }

    /// Sends what there is to tell, and connects again whenever the gateway went away, until nobody
    /// listens.
    pub async fn follow(self, updates: Sender<Update>) {
        let mut pauses = pauses();
        loop {
            let reason = match self.watch().await {
                Ok(watch) => {
                    pauses = self::pauses();
                    watch.forward(&updates).await
                }
                Err(reason) => reason,
            };
            let retry_in = pauses.next().unwrap_or(LONGEST_PAUSE);
            if updates.send(Update::Lost { reason, retry_in }).await.is_err() {
                return;
            }
            tokio::select! {
                () = updates.closed() => return,
                () = sleep(retry_in) => {}
            }
        }
    }

    /// Connects and waits for the first snapshot.
    ///
    /// # Errors
    /// Why not, in short.
    pub async fn watch(&self) -> Result<Watch, String> {
        let channel = self.endpoint.connect().await.map_err(|error| root(&error))?;
        let mut client =
            OperatorServiceClient::<Channel>::new(channel).max_decoding_message_size(MAX_SNAPSHOT);
        let call = timeout(self.silence, client.watch_pools(self.request)).await;
        let stream = call.map_err(|_| silent())?.map_err(|status| explain(&status))?.into_inner();
        let mut watch = Watch { stream, silence: self.silence, first: None };
        watch.first = Some(watch.next().await?);
        Ok(watch)
    }
}

/// A gateway that answers.
pub struct Watch {
    stream: Streaming<WatchPoolsResponse>,
    silence: Duration,
    /// The first snapshot, until it is asked for.
    first: Option<Box<WatchPoolsResponse>>,
}

impl Watch {
    /// The next snapshot.
    ///
    /// # Errors
    /// Why there is none any more, in short.
    pub async fn next(&mut self) -> Result<Box<WatchPoolsResponse>, String> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        match timeout(self.silence, self.stream.message()).await {
            Ok(Ok(Some(response))) => Ok(Box::new(response)),
            Ok(Ok(None)) => Err("the gateway ended the connection".to_owned()),
            Ok(Err(status)) => Err(explain(&status)),
            Err(_) => Err(silent()),
        }
    }

    /// Sends all snapshots on; answers why there are no more.
    async fn forward(mut self, updates: &Sender<Update>) -> String {
        loop {
            let update = match self.next().await {
                Ok(snapshot) => Update::Snapshot(snapshot),
                Err(reason) => return reason,
            };
            if updates.send(update).await.is_err() {
                return String::new();
            }
        }
    }
}

/// How long to wait before each try in a row.
fn pauses() -> impl Iterator<Item = Duration> + use<> {
    iter::successors(Some(FIRST_PAUSE), |pause| Some((*pause * 2).min(LONGEST_PAUSE)))
}

fn silent() -> String {
    "the gateway does not answer".to_owned()
}

/// A status in words that help.
fn explain(status: &Status) -> String {
    match status.code() {
        Code::Unimplemented => {
            "there is no WatchPools; is this the gRPC address of a gateway?".to_owned()
        }
        _ if status.source().is_some() => root(status),
        code => format!("{code:?}: {}", status.message()),
    }
}

/// The cause behind all others; the layers above only say that the transport failed.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::sync::mpsc;

    use super::{super::testing::FakeGateway, *};

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let millis: Vec<u128> = pauses().take(7).map(|pause| pause.as_millis()).collect();
        assert_eq!(millis, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(Client::new("not an address", Duration::from_secs(1), 0).is_err());
    }

    #[tokio::test]
    async fn it_connects_again_when_the_gateway_comes_back() {
        let gateway = FakeGateway::start(None).await;
        let address = gateway.address;
        let client = Client::new(&address.to_string(), Duration::from_millis(100), 1).unwrap();
        let (updates, mut told) = mpsc::channel(4);
        let following = tokio::spawn(client.follow(updates));
        let first = told.recv().await.unwrap();
        assert!(matches!(first, Update::Snapshot(snapshot) if snapshot.pools.len() == 1));

        gateway.stop().await;
        let lost = loop {
            if let Update::Lost { reason, .. } = told.recv().await.unwrap() {
                break reason;
            }
        };
        assert!(!lost.is_empty());

        let _gateway = FakeGateway::start(Some(address)).await;
        while !matches!(told.recv().await.unwrap(), Update::Snapshot(_)) {}
        drop(told);
        following.await.unwrap();
    }

    #[tokio::test]
    async fn a_gateway_that_is_not_there_is_named_by_its_cause() {
        let gateway = FakeGateway::start(None).await;
        let address = gateway.address.to_string();
        gateway.stop().await;
        let refused = Client::new(&address, Duration::from_secs(1), 0).unwrap().watch().await;
        let reason = refused.err().unwrap();
        assert!(reason.contains("refused"), "{reason}");
    }
}
