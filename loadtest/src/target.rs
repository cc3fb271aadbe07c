//! What is called.

use std::time::Duration;

use crate::{gateway::Gateway, web::Web};

/// One connection to what is called, or a pool of them, with the requests for it; clones share it.
#[derive(Clone)]
pub enum Target {
    /// A gateway, by its gRPC service.
    Gateway(Gateway),
    /// Any server of HTTP.
    Web(Web),
}

impl Target {
    /// Sends the request with this number, and gives it up after the timeout. How it ended: `OK`, or what
    /// went wrong.
    pub async fn call(&mut self, number: u64, timeout: Duration) -> String {
        match self {
            Self::Gateway(gateway) => gateway.call(number, timeout).await,
            Self::Web(web) => web.call(number, timeout).await,
        }
    }
}
