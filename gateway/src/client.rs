//! How this program's own commands reach a running gateway.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use framegate_proto::v1::{
    ApplyPolicyRequest, CheckPolicyRequest, PolicyAnswer, RollbackPolicyRequest,
    operator_service_client::OperatorServiceClient,
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

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

/// How long an answer may take that the gateway has at hand.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a change of the policy may take: new replicas start, and ingests go over.
const CHANGE_LIMIT: Duration = Duration::from_secs(600);
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

/// What is asked of a gateway about its policy.
#[derive(Debug, Clone)]
pub enum PolicyCall {
    /// What would change with this text; nothing is applied.
    Check(String),
    /// To apply this text.
    Apply(String),
    /// To bring the policy back that was in force before.
    RollBack,
}

/// Asks the gateway at `address`.
///
/// # Errors
/// When it cannot be reached, or does not answer.
pub async fn ask_of_policy(address: &str, call: PolicyCall) -> anyhow::Result<PolicyAnswer> {
    let no_gateway = || format!("no gateway answers at {address}; give its gRPC address");
    let channel = endpoint(address)?.connect().await.with_context(no_gateway)?;
    let mut client = OperatorServiceClient::<Channel>::new(channel);
    let answer = match call {
        PolicyCall::Check(yaml) => {
            client.check_policy(within(ANSWER_LIMIT, CheckPolicyRequest { yaml })).await
        }
        PolicyCall::Apply(yaml) => {
            client.apply_policy(within(CHANGE_LIMIT, ApplyPolicyRequest { yaml })).await
        }
        PolicyCall::RollBack => {
            client.rollback_policy(within(CHANGE_LIMIT, RollbackPolicyRequest {})).await
        }
    };
    Ok(answer.with_context(no_gateway)?.into_inner())
}

fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
