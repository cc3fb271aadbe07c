use std::process::ExitCode;

use framegate::demo::{self, Options, Summary};
use framegate_replica::Program;
use tracing::error;

use super::{failed, output, signals::Signals};

/// Runs until its time is over, SIGTERM or SIGINT.
pub async fn run(options: Options, program: Program) -> ExitCode {
    match demo(options, program).await {
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

async fn demo(options: Options, program: Program) -> anyhow::Result<Summary> {
    let stop = Signals::new()?.stop();
    demo::run(options, program, stop, &output::line).await
}
