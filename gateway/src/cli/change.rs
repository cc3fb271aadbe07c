use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use framegate::{
    client::{Address, PolicyCall, ask_of_policy},
    live::line,
    policy,
};
use framegate_proto::v1::{PolicyAnswer, PolicyProblem};

use super::{REFUSED, output, refused};

#[derive(clap::Args)]
pub struct ApplyOptions {
    /// The policy file.
    #[arg(value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    gateway: Address,
}

#[derive(clap::Args)]
pub struct RollbackOptions {
    #[command(flatten)]
    gateway: Address,
}

/// Applies the policy in a file to a running gateway, and says what has changed.
pub async fn apply(options: ApplyOptions) -> ExitCode {
    of_file(&options.config, &options.gateway.addr, PolicyCall::Apply).await
}

/// Brings the policy back that was in force before, and says what has changed.
pub async fn roll_back(options: RollbackOptions) -> ExitCode {
    told(&options.gateway.addr, PolicyCall::RollBack, "the policy before").await
}

/// Says what would change in a running gateway with the policy in a file.
pub async fn check(config: &Path, address: &str) -> ExitCode {
    of_file(config, address, PolicyCall::Check).await
}

async fn of_file(config: &Path, address: &str, call: fn(String) -> PolicyCall) -> ExitCode {
    match policy::text_of(config) {
        Ok(text) => told(address, call(text), &config.display().to_string()).await,
        Err(problems) => refused(&problems),
    }
}

async fn told(address: &str, call: PolicyCall, name: &str) -> ExitCode {
    let is_check = matches!(call, PolicyCall::Check(_));
    let answer = match ask_of_policy(address, call).await {
        Ok(answer) => answer,
        Err(error) => return unanswered(&error),
    };
    answer.problems.iter().for_each(|found| output::problem(&shown(name, found)));
    for change in &answer.changes {
        let (before, after) = (change.before.as_deref(), change.after.as_deref());
        output::line(&line(&change.key, before, after, &change.effect));
    }
    if !answer.problems.is_empty() {
        output::problem(&format!("refused; generation {} stays in force", answer.generation));
        return ExitCode::from(REFUSED);
    }
    output::line(&outcome(&answer, is_check));
    if !answer.note.is_empty() {
        output::line(&answer.note);
    }
    ExitCode::SUCCESS
}

fn outcome(answer: &PolicyAnswer, is_check: bool) -> String {
    let PolicyAnswer { changes, generation, .. } = answer;
    match (changes.len(), is_check) {
        (0, _) => format!("no difference from generation {generation}, which is in force"),
        (count, true) => format!("valid: {count} differences from generation {generation}"),
        (count, false) => format!("applied: {count} differences, now generation {generation}"),
    }
}

/// As `framegate check` shows it: `FILE:LINE:COLUMN: KEY: REASON`.
fn shown(name: &str, problem: &PolicyProblem) -> String {
    let PolicyProblem { line, column, key, reason } = problem;
    let place = if *line == 0 { String::new() } else { format!(":{line}:{column}") };
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    format!("{name}{place}: {key}{reason}")
}

fn unanswered(error: &anyhow::Error) -> ExitCode {
    output::problem(&format!("{error:#}"));
    ExitCode::FAILURE
}
