use std::process::ExitCode;

use framegate::demo::{self, Options, Summary};
use tracing::error;

use super::{failed, output, signals::Signals};

/// Runs until its time is over, SIGTERM or SIGINT.
pub async fn run(options: Options) -> ExitCode {
    match demo(options).await {
        Ok(summary) => {
            output::line(&format!("\n{summary}"));
            if summary.lost == 0 {
                return ExitCode::SUCCESS;
            }
            error!(lost = summary.lost, "frames were lost");
            ExitCode::FAILURE
        }
        Err(failure) => failed(&failure),
    }
}

async fn demo(options: Options) -> anyhow::Result<Summary> {
    let stop = Signals::new()?.stop();
    demo::run(options, stop, &output::line).await
}
