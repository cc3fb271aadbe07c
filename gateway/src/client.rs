//! How this program's own commands reach a running gateway.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tonic::transport::Endpoint;

/// Which gateway.
#[derive(Debug, Clone, Args)]
pub struct Address {
    /// The gateway's gRPC address.
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9000",
        env = "FRAMEGATE_ADDR"
    )]
    pub addr: String,
}

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// What connects to the gateway at `address`, such as `127.0.0.1:9000`.
///
/// # Errors
/// When that is no address.
pub(crate) fn endpoint(address: &str) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .with_context(|| format!("{address} is no address; write HOST:PORT"))?;
    Ok(endpoint.connect_timeout(CONNECT_LIMIT))
}
