use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use framegate_batcher::{BatchCosts, Sizing};
use tokio::sync::oneshot;

use super::warm_up::measure;
use crate::{
    ModelOutput,
    backend::{Backend, BackendError, BackendSpec, ModelFacts},
    failpoint,
    frame::Input,
};

/// A replica's backend on a thread of its own, which executes one batch at a time.
///
/// Dropping it ends the thread after the batch it executes.
pub(super) struct Executor {
    batches: mpsc::SyncSender<Batch>,
}

struct Batch {
    inputs: Vec<Option<Input>>,
    done: oneshot::Sender<Executed>,
}

/// An executor that is ready.
pub(super) struct Started {
    pub(super) executor: Executor,
    pub(super) facts: ModelFacts,
    /// What batches cost by their size, if that was to be measured.
    pub(super) costs: Option<BatchCosts>,
}

/// How a batch ended. A dropped sender means that the thread died with it.
pub(super) struct Executed {
    pub(super) outputs: Result<Vec<ModelOutput>, ExecuteError>,
    pub(super) took: Duration,
}

/// Why a batch has no results.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecuteError {
    /// The backend answered with an error and can go on.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The backend panicked and is gone.
    #[error("the backend panicked")]
    Crashed,
}

impl Executor {
    /// Starts the thread, opens the backend on it, and says what that has opened. For a `sizing`,
    /// batches are measured before anything else is executed.
    pub(super) async fn start(
        name: &str,
        spec: BackendSpec,
        sizing: Option<Sizing>,
    ) -> Result<Started, BackendError> {
        // One place: the worker sends a batch only when the last one has ended.
        let (batches, receiver) = mpsc::sync_channel(1);
        let (opened, open) = oneshot::channel();
        let body = move || match open_caught(&spec, sizing.as_ref()) {
            Ok((backend, facts, costs)) => {
                let _ = opened.send(Ok((facts, costs)));
                execute_all(backend, &receiver);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|error| BackendError(format!("no thread for the replica: {error}")))?;
        let died = || BackendError("the replica's thread died while opening".to_owned());
        let (facts, costs) = open.await.map_err(|_| died())??;
        Ok(Started { executor: Self { batches }, facts, costs })
    }

    /// Executes a batch; called only when the last one has ended.
    pub(super) fn execute(&self, inputs: Vec<Option<Input>>) -> oneshot::Receiver<Executed> {
        let (done, executed) = oneshot::channel();
        // A dead thread drops `done`, which the receiver sees as a crash.
        let _ = self.batches.try_send(Batch { inputs, done });
        executed
    }
}

type Opened = (Box<dyn Backend>, ModelFacts, Option<BatchCosts>);

fn open_caught(spec: &BackendSpec, sizing: Option<&Sizing>) -> Result<Opened, BackendError> {
    let open = || {
        let (mut backend, facts) = spec.open()?;
        let measure = |sizing| measure(&mut *backend, facts.input.as_ref(), sizing);
        let costs = sizing.map(measure).transpose()?.flatten();
        Ok((backend, facts, costs))
    };
    catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|_| Err(BackendError("the backend panicked while opening".to_owned())))
}

fn execute(
    backend: &mut dyn Backend,
    inputs: &[Option<Input>],
) -> Result<Vec<ModelOutput>, BackendError> {
    failpoint!("execute.before", BackendError("failpoint".to_owned()));
    let outputs = backend.execute(inputs)?;
    failpoint!("execute.after", BackendError("failpoint".to_owned()));
    Ok(outputs)
}

fn execute_all(mut backend: Box<dyn Backend>, batches: &mpsc::Receiver<Batch>) {
    while let Ok(Batch { inputs, done }) = batches.recv() {
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| execute(&mut *backend, &inputs)));
        let crashed = result.is_err();
        let outputs = match result {
            Ok(Ok(outputs)) if outputs.len() == inputs.len() => Ok(outputs),
            Ok(Ok(_)) => Err(BackendError("the backend lost an entry".to_owned()).into()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ExecuteError::Crashed),
        };
        let _ = done.send(Executed { outputs, took: start.elapsed() });
        if crashed {
            // What a backend is after a panic nobody knows: the replica starts anew.
            return;
        }
    }
}
