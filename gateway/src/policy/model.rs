//! `models:` what is served, on which backend, in which batches.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use framegate_replica::backend::Execution;
use serde_saphyr::Spanned;

use super::autoscaling::Autoscaling;
use super::checks::{Checks, is_name, name_reason};
use super::execution;
use super::key::Key;
use super::paths::Base;
use super::raw::{Entries, RawBackend, RawModel, RawPlacement, RawSimulated, Text};
use super::units::{DECIMAL, DURATION, whole};
use super::version;

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub(super) const NUM_THREADS: Key<usize> = Key::new(whole(), 1, 256).or(1);
pub(super) const MAX_BATCH_SIZE: Key<usize> = Key::new(whole(), 1, 1024).or(16);
pub(super) const BATCH_WAIT_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, Duration::from_secs(10)).or(Duration::from_millis(5));
pub(super) const LATENCY_SLO: Key<Duration> = Key::new(DURATION, MS, MINUTE);
pub(super) const MAX_QUEUED_REQUESTS: Key<usize> = Key::new(whole(), 1, 1_000_000).or(1024);
pub(super) const INGEST_SHARE: Key<f64> = Key::new(DECIMAL, 0.001, 1.0).or(0.5);
pub(super) const START_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::from_secs(1), HOUR).or(Duration::from_secs(300));
pub(super) const BATCH_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::from_millis(10), HOUR).or(Duration::from_secs(30));
pub(super) const GRACEFUL_SHUTDOWN_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, HOUR).or(MINUTE);
/// Of a batch, or of an entry in it.
pub(super) const SIMULATED_TIME: Key<Duration> = Key::new(DURATION, Duration::ZERO, MINUTE);
pub(super) const SIMULATED_FETCH: bool = false;

/// A model and its pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What requests call it; unique.
    pub name: Arc<str>,
    /// What executes its batches.
    pub backend: Backend,
    /// Where its replicas run. Default threads, or processes for those on a GPU.
    pub placement: Placement,
    /// Intra-op threads of one replica. Default 1, 1 to 256; at most `limits.replica_threads` with `onnx`.
    pub num_threads: usize,
    /// Entries in a batch at most. Default 16, 1 to 1,024.
    pub max_batch_size: usize,
    /// How large batches are below that, and how long they wait.
    pub batching: Batching,
    /// How many replicas there are.
    pub autoscaling: Autoscaling,
    /// Entries that may wait in the pool's queue. Default 1,024, 1 to 1,000,000.
    pub max_queued_requests: usize,
    /// How many of them may come from ingest: `ingest_share` (default 0.5, above 0 to 1) applied, at least 1.
    pub max_queued_ingest: usize,
    /// How long a replica may take to open its model. Default 5 min, 1 s to 1 h.
    pub start_timeout: Duration,
    /// How long a batch may take before its replica is taken to hang. Default 30 s, 10 ms to 1 h.
    pub batch_timeout: Duration,
    /// How long a draining replica may take to finish. Default 60 s, 0 s to 1 h.
    pub graceful_shutdown_timeout: Duration,
}

/// Where the replicas of a model run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Each on a thread of the gateway's process.
    Thread,
    /// Each in a process of its own.
    Process,
}

/// What ends the wait of a batch that is not full. Each time is below `server.default_timeout` and below
/// the `max_frame_age` of each ingest that feeds the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batching {
    /// So much time (`batch_wait_timeout`). Default 5 ms, 0 s to 10 s.
    WaitTimeout(Duration),
    /// What is left of the time that an answer may take (`latency_slo`), 1 ms to 1 min; that also
    /// sizes the batches.
    LatencySlo(Duration),
}

/// What executes batches.
#[derive(Debug, Clone, PartialEq)]
pub enum Backend {
    /// ONNX Runtime.
    Onnx {
        /// The folder with model.onnx and model.yaml, absolute.
        artifact: PathBuf,
        /// Its number, where it is one version of several; 1 to 1,000,000,000.
        version: Option<u64>,
        /// What its operators run on.
        execution: Execution,
    },
    /// A device that only takes time, `base + per_item × batch size`, and answers a fixed classification.
    Simulated {
        /// Time of a batch, 0 s to 1 min.
        base: Duration,
        /// Time of each entry in it, 0 s to 1 min.
        per_item: Duration,
        /// Whether frames are fetched and decoded first. Default false.
        fetch: bool,
    },
}

pub(super) fn resolve(
    raw: &Spanned<Entries<RawModel>>,
    base: &Base,
    checks: &mut Checks,
) -> Vec<Model> {
    let Entries(models) = &raw.value;
    if models.is_empty() {
        checks.wrong(raw, "a policy serves at least one model; write `NAME: { artifact: FOLDER }`");
    }
    models.iter().map(|(name, raw)| Model::resolve(name, raw, base, checks)).collect()
}

impl Model {
    fn resolve(name: &Text, raw: &RawModel, base: &Base, checks: &mut Checks) -> Self {
        if !is_name(&name.value) {
            checks.wrong_name(name, name_reason(&name.value));
        }
        let max_queued_requests = checks.value(&raw.max_queued_requests, MAX_QUEUED_REQUESTS);
        let batching = Batching::resolve(raw, checks);
        let autoscaling = raw.autoscaling.clone().unwrap_or_default();
        let ingest_share = checks.value(&raw.ingest_share, INGEST_SHARE);
        let backend = Backend::resolve(name, raw, base, checks);
        Self {
            name: name.value.as_str().into(),
            placement: match raw.placement {
                None if backend.wants_gpu() => Placement::Process,
                None | Some(RawPlacement::Thread) => Placement::Thread,
                Some(RawPlacement::Process) => Placement::Process,
            },
            backend,
            num_threads: checks.value(&raw.num_threads, NUM_THREADS),
            max_batch_size: checks.value(&raw.max_batch_size, MAX_BATCH_SIZE),
            batching,
            autoscaling: Autoscaling::resolve(&autoscaling, batching, checks),
            max_queued_requests,
            max_queued_ingest: share_of(max_queued_requests, ingest_share),
            start_timeout: checks.value(&raw.start_timeout, START_TIMEOUT),
            batch_timeout: checks.value(&raw.batch_timeout, BATCH_TIMEOUT),
            graceful_shutdown_timeout: checks
                .value(&raw.graceful_shutdown_timeout, GRACEFUL_SHUTDOWN_TIMEOUT),
        }
    }
}

impl Batching {
    fn resolve(raw: &RawModel, checks: &mut Checks) -> Self {
        let Some(latency_slo) = &raw.latency_slo else {
            return Self::WaitTimeout(checks.value(&raw.batch_wait_timeout, BATCH_WAIT_TIMEOUT));
        };
        if raw.batch_wait_timeout.is_some() {
            checks.wrong(latency_slo, "goes instead of batch_wait_timeout; keep one of the two");
        }
        Self::LatencySlo(checks.required(latency_slo, LATENCY_SLO))
    }
}

impl Backend {
    fn resolve(name: &Text, raw: &RawModel, base: &Base, checks: &mut Checks) -> Self {
        match raw.backend.unwrap_or_default() {
            RawBackend::Onnx | RawBackend::Tensorrt => Self::onnx(name, raw, base, checks),
            RawBackend::Simulated => Self::simulated(name, raw, checks),
        }
    }

    /// Whether a GPU is what is tried first.
    fn wants_gpu(&self) -> bool {
        matches!(self, Self::Onnx { execution, .. } if execution.wants_gpu())
    }

    fn onnx(name: &Text, raw: &RawModel, base: &Base, checks: &mut Checks) -> Self {
        if let Some(simulated) = &raw.simulated {
            checks.wrong(simulated, "only for `backend: simulated`; write that, or remove this");
        }
        if raw.artifact.is_none() {
            checks.wrong_name(
                name,
                "the onnx backend needs `artifact: FOLDER`, with model.onnx and model.yaml",
            );
        }
        let folder = raw.artifact.as_ref().map(|text| base.path(text, checks)).unwrap_or_default();
        let written = raw.version.as_ref().map(|text| checks.required(text, version::VERSION));
        let (artifact, version) = version::resolve(folder, written);
        Self::Onnx { artifact, version, execution: execution::resolve(name, raw, checks) }
    }

    fn simulated(name: &Text, raw: &RawModel, checks: &mut Checks) -> Self {
        if let Some(artifact) = &raw.artifact {
            checks.wrong(
                artifact,
                "the simulated backend loads nothing; remove this, or write `backend: onnx`",
            );
        }
        if let Some(version) = &raw.version {
            checks.wrong(version, "only with `artifact`; remove this");
        }
        execution::refuse(name, raw, checks);
        match &raw.simulated {
            Some(Spanned { value, .. }) => Self::timed(value, checks),
            None => {
                checks.wrong_name(
                    name,
                    "the simulated backend needs its times: `simulated: { base: 5ms, per_item: 1ms }`",
                );
                Self::Simulated { base: Duration::ZERO, per_item: Duration::ZERO, fetch: false }
            }
        }
    }

    fn timed(raw: &RawSimulated, checks: &mut Checks) -> Self {
        let mut time = |text| checks.required(text, SIMULATED_TIME);
        Self::Simulated {
            base: time(&raw.base),
            per_item: time(&raw.per_item),
            fetch: raw.fetch.unwrap_or(SIMULATED_FETCH),
        }
    }
}

/// `share` of `total`, rounded down, at least 1.
fn share_of(total: usize, share: f64) -> usize {
    ((total as f64 * share) as usize).max(1)
}
