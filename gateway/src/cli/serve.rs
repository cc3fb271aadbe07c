use std::{path::PathBuf, pin::pin, process::ExitCode};

use framegate::{gateway::Gateway, policy};
use framegate_replica::Program;
use tracing::error;

use super::{failed, load_policy, output, signals::Signals};

#[derive(clap::Args)]
pub struct Options {
    /// The policy file.
    #[arg(long, value_name = "FILE", env = "FRAMEGATE_CONFIG")]
    config: PathBuf,
}

/// Serves until SIGTERM or SIGINT, then stops gracefully. Says that it is ready as soon as any model
/// can be served.
pub async fn run(options: Options, program: Program) -> ExitCode {
    let policy = match load_policy(&options.config) {
        Ok(policy) => policy,
        Err(refused) => return refused,
    };
    #[cfg(feature = "failpoints")]
    if let Err(problem) = framegate_replica::failpoint::arm() {
        output::problem(&problem);
        return ExitCode::from(super::REFUSED);
    }
    match serve(policy, program).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure),
    }
}

async fn serve(policy: policy::Policy, program: Program) -> anyhow::Result<()> {
    let signals = Signals::new()?;
    let gateway = Gateway::start(policy, program, None).await?;
    let (grpc, http) = (gateway.grpc_address(), gateway.http_address());
    if !gateway.is_ready() {
        error!(%grpc, %http, "no model can be served; ready when one can");
    }
    let signal = signals.first();
    let mut signal = pin!(signal);
    tokio::select! {
        () = gateway.ready() => {
            output::line(&format!("ready grpc={grpc} http={http}"));
            signal.await;
        }
        () = &mut signal => {}
    }
    gateway.stop().await;
    Ok(())
}
