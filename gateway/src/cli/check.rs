use std::{
    fmt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use framegate::policy::{
    Autoscaling, Backend, Batching, Ingest, Limits, Model, Policy, Security, Sink, Target,
};
use framegate_replica::Artifact;

use super::{change, load_policy, output};

#[derive(clap::Args)]
pub struct Options {
    /// The policy file.
    #[arg(value_name = "FILE")]
    config: PathBuf,
    /// The gRPC address of a running gateway: it says what the policy would change there. Relative
    /// paths start from the folder of its own policy then.
    #[arg(long, value_name = "HOST:PORT")]
    against: Option<String>,
}

/// Validates the policy, and says what it would run or change.
pub async fn run(options: &Options) -> ExitCode {
    if let Some(address) = &options.against {
        return change::check(&options.config, address).await;
    }
    match load_policy(&options.config) {
        Ok(policy) => {
            output::line(Summary(&policy).to_string().trim_end());
            ExitCode::SUCCESS
        }
        Err(refused) => refused,
    }
}

/// What a policy would run, a line for each part, with all paths resolved.
struct Summary<'a>(&'a Policy);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Policy { server, limits, buckets, models, ingest, sinks } = self.0;
        writeln!(f, "valid: grpc={} http={}", server.grpc, server.http)?;
        write_limits(f, limits)?;
        for bucket in buckets {
            writeln!(f, "bucket {}: {}", bucket.name, bucket.place)?;
        }
        if buckets.is_empty() {
            writeln!(f, "no bucket: every reference is denied; frames come as data only")?;
        }
        models.iter().try_for_each(|model| write_model(f, model))?;
        ingest.iter().try_for_each(|ingest| write_ingest(f, ingest))?;
        sinks.iter().try_for_each(|sink| write_sink(f, sink))
    }
}

fn write_limits(f: &mut fmt::Formatter, limits: &Limits) -> fmt::Result {
    writeln!(
        f,
        "limits: {} replica threads, {} MiB of replicas, {} MiB of decoded frames",
        limits.replica_threads,
        limits.replica_memory >> 20,
        limits.frame_bytes >> 20
    )
}

fn write_model(f: &mut fmt::Formatter, model: &Model) -> fmt::Result {
    match &model.backend {
        Backend::Onnx { artifact, version, execution } => {
            let (name, threads) = (&model.name, model.num_threads);
            writeln!(
                f,
                "model {name}: onnx {}, num_threads {threads}, on {execution}",
                artifact.display()
            )?;
            write_unreadable(f, artifact, *version)?;
        }
        Backend::Simulated { base, per_item, fetch } => {
            let frames = if *fetch { "fetched" } else { "not fetched" };
            writeln!(
                f,
                "model {}: simulated, {base:?} + {per_item:?} per entry, frames {frames}",
                model.name
            )?;
        }
    }
    write!(f, "  batches of at most {}", model.max_batch_size)?;
    match model.batching {
        Batching::WaitTimeout(wait) => write!(f, " after at most {wait:?}")?,
        Batching::LatencySlo(slo) => write!(f, ", sized to answer within {slo:?}")?,
    }
    let (queued, ingest) = (model.max_queued_requests, model.max_queued_ingest);
    writeln!(f, "; at most {queued} queued, {ingest} of them from ingest")?;
    write_scaling(f, &model.autoscaling)
}

fn write_scaling(f: &mut fmt::Formatter, scaling: &Autoscaling) -> fmt::Result {
    let Autoscaling { min_replicas, initial_replicas, max_replicas, target, .. } = scaling;
    write!(f, "  replicas {min_replicas} to {max_replicas}, {initial_replicas} at first; ")?;
    match target {
        Target::OngoingRequests(requests) => {
            writeln!(f, "one for each {requests} ongoing requests")
        }
        Target::DrainTime(time) => writeln!(f, "each for as much as it finishes in {time:?}"),
    }
}

fn write_ingest(f: &mut fmt::Formatter, ingest: &Ingest) -> fmt::Result {
    let (topics, models) = (ingest.topics.join(", "), ingest.models.join(", "));
    let brokers = brokers(&ingest.brokers, &ingest.security);
    writeln!(f, "ingest {topics} of {brokers} as {}: {models}", ingest.group)?;
    match &ingest.dead_letter {
        Some(topic) => writeln!(f, "  failures go to the topic {topic}"),
        None => writeln!(f, "  failures go to the sinks"),
    }
}

fn write_sink(f: &mut fmt::Formatter, sink: &Sink) -> fmt::Result {
    let drops = |topic: &dyn fmt::Display| format!(", drops in {topic}");
    let (shown, drops) = match sink {
        Sink::Jsonl(jsonl) => (
            format!("jsonl: {}", jsonl.path.display()),
            jsonl.drops.as_ref().map(|path| drops(&path.display())),
        ),
        Sink::Kafka(kafka) => (
            format!("kafka: {} of {}", kafka.topic, brokers(&kafka.brokers, &kafka.security)),
            kafka.drops.as_ref().map(|topic| drops(topic)),
        ),
    };
    writeln!(f, "sink {shown}{}", drops.unwrap_or_default())
}

/// The brokers, and how they are reached.
fn brokers(brokers: &str, security: &Security) -> String {
    match security.to_string() {
        plain if plain.is_empty() => brokers.to_owned(),
        secured => format!("{brokers} ({secured})"),
    }
}

/// What keeps an artifact from being read here. The policy is valid all the same: the gateway serves
/// the other models meanwhile, and the file may be meant for another machine.
fn write_unreadable(f: &mut fmt::Formatter, artifact: &Path, version: Option<u64>) -> fmt::Result {
    match Artifact::read(artifact, version) {
        Ok(_) => Ok(()),
        Err(error) => writeln!(f, "  cannot be served here: {error}"),
    }
}
