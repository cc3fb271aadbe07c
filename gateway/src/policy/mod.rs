//! The operator's YAML: what was written becomes what runs, or a list of reasons why not.
//!
//! `yaml` reads the text into the raw types of `raw`; each section's own module turns its raw form into the
//! resolved type, and reports what is wrong with it to `checks`; `cross` looks at what spans sections. A [`Policy`]
//! exists only when nothing was wrong, so nothing downstream checks again.

mod autoscaling;
mod bucket;
mod checks;
mod cross;
mod document;
mod errors;
mod execution;
mod ingest;
mod instance;
mod key;
mod limits;
mod model;
mod nearest;
mod node;
mod overload;
mod paths;
mod places;
mod raw;
mod record;
mod s3;
mod schema;
mod security;
mod server;
pub mod shown;
mod sink;
mod topics;
mod units;
mod version;
mod yaml;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use autoscaling::{Autoscaling, Target};
pub use bucket::{Bucket, Place};
pub use document::Document;
pub use errors::{PolicyErrors, Position, Problem};
pub use ingest::{Delivery, Ingest, Retries, Start};
pub use instance::InstanceId;
pub use limits::Limits;
pub(crate) use limits::usable_memory;
pub use model::{Backend, Batching, Model, Placement};
pub use overload::Overload;
pub use record::{RecordMap, Selector};
pub use schema::schema;
pub use security::{Identity, Mechanism, Sasl, Secret, Security, Tls};
pub use server::Server;
pub use sink::{Compression, Fsync, JsonlSink, KafkaSink, Rotation, Sink};
pub use units::parse_duration;

use checks::Checks;
use paths::Base;
use raw::RawPolicy;

/// A policy may not be longer than this, in bytes.
const MAX_POLICY_BYTES: usize = 256 << 10;

/// What runs: a policy whose every value was checked. All paths in it are absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The listeners and how they stop.
    pub server: Server,
    /// What is bounded before anything is allocated.
    pub limits: Limits,
    /// The only places that frames are read from; none denies every reference.
    pub buckets: Vec<Bucket>,
    /// The models, in file order; at least one, names unique.
    pub models: Vec<Model>,
    /// Where records come from; when there are any, there is a sink.
    pub ingest: Vec<Ingest>,
    /// Where results of ingested records go.
    pub sinks: Vec<Sink>,
}

/// Reads the policy at `path` and resolves it; relative paths in it are relative to the folder of `path`.
///
/// # Errors
/// All reasons for which the policy is refused, or the one for which the file cannot be read.
pub fn load(path: &Path) -> Result<Policy, PolicyErrors> {
    parse(&text_of(path)?, path)
}

/// Reads a file that holds what `security:` of a policy does, for clients of `brokers` (`host:port`, separated by
/// commas); relative paths in it are relative to its folder.
///
/// # Errors
/// All reasons for which it is refused, or the one for which the file cannot be read.
pub fn load_security(path: &Path, brokers: &str) -> Result<Security, PolicyErrors> {
    let text = text_of(path)?;
    let raw = yaml::read(&text).map_err(|finding| PolicyErrors::new(path, &text, vec![finding]))?;
    let mut checks = Checks::default();
    let security = Security::resolve(Some(&raw), brokers, &Base::of(path), &mut checks);
    match checks.into_findings() {
        findings if findings.is_empty() => Ok(security),
        findings => Err(PolicyErrors::new(path, &text, findings)),
    }
}

/// Resolves the policy in `text`. `file` names it in problems, and its folder is what relative paths start from.
///
/// # Errors
/// All reasons for which the policy is refused. What YAML or the types of the keys forbid (bad syntax, an unknown,
/// missing or repeated key) is found one at a time; all other problems are reported together.
pub fn parse(text: &str, file: &Path) -> Result<Policy, PolicyErrors> {
    if text.len() > MAX_POLICY_BYTES {
        return Err(PolicyErrors::of_file(file, "is longer than 256KiB".into()));
    }
    let raw: RawPolicy =
        yaml::read(text).map_err(|finding| PolicyErrors::new(file, text, vec![finding]))?;
    let mut checks = Checks::default();
    let policy = resolve(&raw, &Base::of(file), &mut checks);
    match checks.into_findings() {
        findings if findings.is_empty() => Ok(policy),
        findings => Err(PolicyErrors::new(file, text, findings)),
    }
}

/// What stands in the policy file at `path`.
///
/// # Errors
/// When it cannot be read, is no text, or is longer than a policy may be.
pub fn text_of(path: &Path) -> Result<String, PolicyErrors> {
    let refuse = |reason| PolicyErrors::of_file(path, reason);
    let bytes = read_bounded(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text".into()))
}

/// At most one byte more than a policy may have, so that a longer file is noticed and not read.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_POLICY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn resolve(raw: &RawPolicy, base: &Base, checks: &mut Checks) -> Policy {
    let models = model::resolve(&raw.models, base, checks);
    let policy = Policy {
        server: Server::resolve(&raw.server.clone().unwrap_or_default(), checks),
        limits: Limits::resolve(&raw.limits.clone().unwrap_or_default(), checks),
        buckets: bucket::resolve(raw.buckets.as_deref().unwrap_or_default(), base, checks),
        ingest: ingest::resolve(raw.ingest(), &models, base, checks),
        models,
        sinks: sink::resolve(raw.sinks.as_deref().unwrap_or_default(), base, checks),
    };
    cross::check(raw, &policy, checks);
    policy
}
