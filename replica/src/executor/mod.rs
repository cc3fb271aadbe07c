//! What executes a replica's batches: a thread of this process, or a process of its own.
//!
//! Both run the same [`engine`]; only how a batch reaches it differs.

mod abandoned;
mod child;
mod engine;
mod handoff;
mod memory;
mod process;
#[cfg(test)]
mod tests;
mod thread;
mod warm_up;
mod wire;

use std::{sync::Arc, time::Duration};

use framegate_batcher::{BatchCosts, Sizing};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::oneshot,
    task,
    time::{Instant, timeout},
};

pub use self::{
    abandoned::Abandoned, child::serve as serve_orders, memory::resident_memory, process::Program,
};
use self::{process::ProcessExecutor, thread::ThreadExecutor};
use crate::{
    ModelOutput,
    backend::{BackendError, BackendSpec, ModelFacts, Provider},
    frame::Input,
};

/// Where a replica's backend runs.
#[derive(Debug, Clone)]
pub enum Placement {
    /// A thread of this process. A crash of the backend that is no panic ends the process.
    Thread,
    /// A process of its own, which may crash or be killed.
    Process(Arc<Program>),
}

/// Executes one batch after another.
pub(crate) enum Executor {
    Thread(ThreadExecutor),
    Process(ProcessExecutor),
}

/// How an executor is opened.
pub(crate) struct Opening<'a> {
    /// The replica's id.
    pub(crate) name: &'a str,
    pub(crate) placement: &'a Placement,
    pub(crate) backend: &'a BackendSpec,
    /// Batches are measured for it before anything else is executed.
    pub(crate) sizing: Option<Sizing>,
    /// How long all of it may take.
    pub(crate) limit: Duration,
    pub(crate) abandoned: &'a Abandoned,
}

/// An executor that is ready.
pub(crate) struct Started {
    pub(crate) executor: Executor,
    pub(crate) facts: ModelFacts,
    /// What batches cost by their size, if that was to be measured.
    pub(crate) costs: Option<BatchCosts>,
    /// What executes the model's operators; none where that only takes time.
    pub(crate) provider: Option<Provider>,
    /// The memory that it has to itself, in bytes. Of a thread it is what that of the process has
    /// grown by while it was opened: too much if others opened theirs at that time, too little if
    /// memory was free.
    pub(crate) memory: u64,
}

/// Times of batches by their size.
type Measured = Vec<(usize, Duration)>;

/// What was found while a backend was opened.
#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    measured: Measured,
    /// See [`Started::memory`].
    memory: u64,
    provider: Option<Provider>,
}

/// How a batch ended. A dropped sender means that the executor ended with it.
pub(crate) struct Executed {
    pub(crate) outputs: Result<Vec<ModelOutput>, ExecuteError>,
    pub(crate) took: Duration,
}

/// Why a batch has no results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// The backend answered with an error and can go on.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The backend is gone.
    #[error("{0}")]
    Crashed(Arc<str>),
}

impl Executor {
    /// Opens the backend where it is to run, and says what that has opened.
    pub(crate) async fn start(opening: Opening<'_>) -> Result<Started, BackendError> {
        let (executor, facts, opened) = match opening.placement {
            Placement::Thread => start_thread(&opening).await?,
            Placement::Process(program) => start_process(program, &opening).await?,
        };
        let Opened { measured, memory, provider } = opened;
        Ok(Started { executor, facts, costs: BatchCosts::measured(&measured), memory, provider })
    }

    /// Executes a batch; called only when the last one has ended.
    pub(crate) fn execute(&self, inputs: Vec<Option<Input>>) -> oneshot::Receiver<Executed> {
        match self {
            Self::Thread(thread) => thread.execute(inputs),
            Self::Process(process) => process.execute(inputs),
        }
    }

    /// The process that it is, if it is one.
    pub(crate) fn process_id(&self) -> Option<u32> {
        match self {
            Self::Thread(_) => None,
            Self::Process(process) => Some(process.id()),
        }
    }

    /// Resolves when it has ended by itself: how. A thread does so only with a batch.
    pub(crate) async fn ended(&mut self) -> Arc<str> {
        match self {
            Self::Thread(_) => std::future::pending().await,
            Self::Process(process) => process.ended().await,
        }
    }

    /// Ends it, which takes no longer than it needs to go.
    pub(crate) async fn end(self) {
        match self {
            Self::Thread(_) => {}
            Self::Process(process) => process.end().await,
        }
    }

    /// Ends it in the midst of a batch: a process is killed, a thread can only be abandoned.
    pub(crate) async fn give_up(self, abandoned: &Abandoned) {
        match self {
            Self::Thread(thread) => abandoned.add(thread.into_handle()),
            Self::Process(process) => process.kill().await,
        }
    }
}

async fn start_thread(
    opening: &Opening<'_>,
) -> Result<(Executor, ModelFacts, Opened), BackendError> {
    let Opening { name, backend, sizing, limit, abandoned, .. } = opening;
    let (thread, opened) = ThreadExecutor::spawn(name, (*backend).clone(), *sizing)?;
    let Ok(opened) = timeout(*limit, opened).await else {
        abandoned.add(thread.into_handle());
        return Err(not_opened(*limit));
    };
    let died = || BackendError("the replica's thread died while opening".to_owned());
    let (facts, opened) = opened.map_err(|_| died())??;
    Ok((Executor::Thread(thread), facts, opened))
}

async fn start_process(
    program: &Program,
    opening: &Opening<'_>,
) -> Result<(Executor, ModelFacts, Opened), BackendError> {
    let Opening { name, backend, sizing, limit, .. } = opening;
    let until = Instant::now() + *limit;
    let spec = (*backend).clone();
    let source = task::spawn_blocking(move || spec.source()).await;
    let source = source.map_err(|error| BackendError(error.to_string()))??;
    let process = ProcessExecutor::spawn(name, program)?;
    let opened = tokio::time::timeout_at(until, process.open(&source, *sizing)).await;
    let opened = opened.unwrap_or_else(|_| Err(not_opened(*limit)));
    match backend.settle(&source, opened) {
        Ok((opened, facts)) => Ok((Executor::Process(process), facts, opened)),
        Err(error) => {
            process.kill().await;
            Err(error)
        }
    }
}

fn not_opened(limit: Duration) -> BackendError {
    BackendError(format!("the model was not open within start_timeout ({limit:?})"))
}
