use std::process::ExitCode;

use clap::ValueEnum;
use framegate::{policy, reference};

use super::output;

#[derive(clap::Args)]
pub struct Options {
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// The JSON Schema (draft 2020-12), for editors.
    Json,
    /// The reference, for people.
    Markdown,
}

/// Prints what a policy may hold.
pub fn run(options: &Options) -> ExitCode {
    let schema = policy::schema();
    let text = match options.format {
        Format::Json => reference::policy_schema(&schema),
        Format::Markdown => reference::policy(&schema),
    };
    output::line(text.trim_end());
    ExitCode::SUCCESS
}
