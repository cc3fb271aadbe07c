use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use framegate::simulate::{
    faults::{Bug, simulate_faults},
    simulate,
};

use super::{REFUSED, load_policy, output};

#[derive(clap::Args)]
pub struct Options {
    /// The policy file.
    #[arg(long, value_name = "FILE", required_unless_present = "faults")]
    policy: Option<PathBuf>,
    /// The trace: a load, and the costs of models that the policy does not say.
    #[arg(long, value_name = "FILE", required_unless_present = "faults")]
    trace: Option<PathBuf>,
    /// What chance follows from; the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes all figures and the timeline there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws the timeline there, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Without a policy: runs small worlds in which much fails, one for each of so many seeds, and
    /// checks that nothing is lost, answered twice, out of order or out of bounds.
    #[arg(long, value_name = "SEEDS", conflicts_with_all = ["policy", "trace", "json", "svg"])]
    faults: Option<u64>,
    /// Plants a mistake, which such a run is to find.
    #[arg(long, value_name = "BUG", requires = "faults", hide = true)]
    planted: Option<Bug>,
}

/// Simulates, prints what came of it, and writes what else is wanted.
pub fn run(options: &Options) -> ExitCode {
    match (options.faults, &options.policy, &options.trace) {
        (Some(seeds), ..) => run_faults(options, seeds),
        (None, Some(policy), Some(trace)) => run_trace(options, policy, trace),
        // The command line has asked for them.
        (None, ..) => ExitCode::from(REFUSED),
    }
}

fn run_faults(options: &Options, seeds: u64) -> ExitCode {
    let report = simulate_faults(options.seed, seeds, options.planted);
    output::line(&report.to_string());
    let Some(violation) = report.violation else { return ExitCode::SUCCESS };
    output::problem(&violation.to_string());
    let planted = options.planted.as_ref().and_then(clap::ValueEnum::to_possible_value);
    let planted = planted.map_or(String::new(), |bug| format!(" --planted {}", bug.get_name()));
    let seed = violation.seed;
    output::problem(&format!("replay: framegate simulate --faults 1 --seed {seed}{planted}"));
    ExitCode::FAILURE
}

fn run_trace(options: &Options, policy: &Path, trace: &Path) -> ExitCode {
    let policy = match load_policy(policy) {
        Ok(policy) => policy,
        Err(refused) => return refused,
    };
    let report = match simulate(&policy, trace, options.seed) {
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
