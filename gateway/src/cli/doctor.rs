use std::process::ExitCode;

use framegate::doctor::examine;

use super::output;

#[derive(clap::Args)]
pub struct Options {
    /// For programs: one object, with all findings.
    #[arg(long)]
    json: bool,
}

/// Prints what this machine offers.
pub async fn run(options: &Options) -> ExitCode {
    let report = examine().await;
    if !options.json {
        output::line(report.to_string().trim_end());
        return ExitCode::SUCCESS;
    }
    match serde_json::to_string_pretty(&report) {
        Ok(text) => {
            output::line(&text);
            ExitCode::SUCCESS
        }
        Err(error) => super::failed(&error.into()),
    }
}
