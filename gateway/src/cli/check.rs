use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use framegate::policy::{self, Backend, Model, Policy};
use framegate_replica::Artifact;

use super::{REFUSED, output};

#[derive(clap::Args)]
pub struct Options {
    /// The policy file.
    #[arg(value_name = "FILE")]
    config: PathBuf,
}

/// Validates the policy, and says what it would run.
pub fn run(options: &Options) -> ExitCode {
    match policy::load(&options.config) {
        Ok(policy) => {
            output::line(describe(&policy).trim_end());
            ExitCode::SUCCESS
        }
        Err(problems) => {
            output::problem(&problems.to_string());
            ExitCode::from(REFUSED)
        }
    }
}

fn describe(policy: &Policy) -> String {
    let mut text = format!("valid: grpc={} http={}\n", policy.server.grpc, policy.server.http);
    for bucket in &policy.buckets {
        line(&mut text, format_args!("bucket {}: {}", bucket.name, bucket.root.display()));
    }
    for model in &policy.models {
        line(&mut text, format_args!("model {}: {}", model.name, describe_model(model)));
    }
    for ingest in &policy.ingest {
        let (topics, models) = (ingest.topics.join(", "), ingest.models.join(", "));
        line(&mut text, format_args!("ingest {topics} of {}: {models}", ingest.brokers));
    }
    for sink in &policy.sinks {
        let policy::Sink::Jsonl { path, .. } = sink;
        line(&mut text, format_args!("sink jsonl: {}", path.display()));
    }
    text
}

fn describe_model(model: &Model) -> String {
    let backend = match &model.backend {
        Backend::Onnx { artifact } => {
            format!("onnx {}{}", artifact.display(), unreadable(artifact))
        }
        Backend::Simulated { base, per_item, .. } => {
            format!("simulated, {base:?} + {per_item:?} per entry")
        }
    };
    let scaling = &model.autoscaling;
    format!(
        "{backend}; replicas {} to {}; batches of at most {} after at most {:?}",
        scaling.min_replicas, scaling.max_replicas, model.max_batch_size, model.batch_wait_timeout
    )
}

/// What keeps an artifact from being read here. The policy is valid all the same: the gateway serves
/// the other models meanwhile, and the file may be meant for another machine.
fn unreadable(artifact: &Path) -> String {
    match Artifact::read(artifact) {
        Ok(_) => String::new(),
        Err(error) => format!(" (cannot be served here: {error})"),
    }
}

fn line(text: &mut String, content: std::fmt::Arguments) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}
