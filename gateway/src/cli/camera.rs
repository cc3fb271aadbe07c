use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use framegate::camera::{self, Options, Progress};
use tokio_util::sync::CancellationToken;

use super::{failed, output, signals::Signals};

/// Plays until its end, SIGTERM or SIGINT.
pub async fn run(options: Options) -> ExitCode {
    match play(options).await {
        Ok(summary) => {
            output::line(&summary);
            ExitCode::SUCCESS
        }
        Err(failure) => failed(&failure),
    }
}

async fn play(options: Options) -> anyhow::Result<String> {
    let (signals, stop) = (Signals::new()?, CancellationToken::new());
    let stopping = stop.clone();
    let watch = tokio::spawn(async move {
        signals.first().await;
        stopping.cancel();
    });
    let played = if io::stderr().is_terminal() {
        let played = camera::run(options, stop, |progress: Progress| {
            output::passing(&progress.to_string());
        })
        .await;
        output::passing("");
        played
    } else {
        camera::run(options, stop, camera::logged()).await
    };
    watch.abort();
    let camera::Counts { produced, acknowledged, failed, late, .. } = played?.total;
    Ok(format!("produced={produced} acknowledged={acknowledged} failed={failed} late={late}"))
}
