use std::{fs, path::PathBuf, process::ExitCode};

use framegate::simulate::simulate;

use super::{REFUSED, load_policy, output};

#[derive(clap::Args)]
pub struct Options {
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The trace: a load, and the costs of models that the policy does not say.
    #[arg(long, value_name = "FILE")]
    trace: PathBuf,
    /// What chance follows from; the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes all figures and the timeline there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws the timeline there, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Simulates, prints the table, and writes what else is wanted.
pub fn run(options: &Options) -> ExitCode {
    let policy = match load_policy(&options.policy) {
        Ok(policy) => policy,
        Err(refused) => return refused,
    };
    let report = match simulate(&policy, &options.trace, options.seed) {
        Ok(report) => report,
        Err(error) => {
            output::problem(&format!("{error:#}"));
            return ExitCode::from(REFUSED);
        }
    };
    output::line(&report.to_string());
    let json = || Ok(serde_json::to_string_pretty(&report)?);
    for (path, text) in [
        options.json.as_ref().map(|path| (path, json())),
        options.svg.as_ref().map(|path| (path, report.svg())),
    ]
    .into_iter()
    .flatten()
    {
        if let Err(error) = text.and_then(|text: String| Ok(fs::write(path, text)?)) {
            output::problem(&format!("{}: {error:#}", path.display()));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
