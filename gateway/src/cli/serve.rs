use std::{path::PathBuf, pin::pin, process::ExitCode};

use framegate::{gateway::Gateway, live::FileWatch, policy::Document};
use framegate_replica::Program;
use tracing::error;

use super::{
    failed, output, refused,
    signals::{Signals, hangups},
};

#[derive(clap::Args)]
pub struct Options {
    /// The policy file.
    #[arg(long, value_name = "FILE", env = "FRAMEGATE_CONFIG")]
    config: PathBuf,
}

/// Serves until SIGTERM or SIGINT, then stops gracefully. Says that it is ready as soon as any model
/// can be served. The policy is applied again whenever its file changes, and at SIGHUP.
pub async fn run(options: Options, program: Program) -> ExitCode {
    let file = FileWatch::new(&options.config);
    let document = match Document::load(&options.config) {
        Ok(document) => document,
        Err(problems) => return refused(&problems),
    };
    match serve(document, file, program).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure),
    }
}

async fn serve(document: Document, file: FileWatch, program: Program) -> anyhow::Result<()> {
    let (signals, hangups) = (Signals::new()?, hangups()?);
    let gateway = Gateway::start(document, program, None).await?;
    gateway.follow(file, hangups);
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
