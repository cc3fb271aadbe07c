use std::{
    thread::{self, JoinHandle},
    time::Instant,
};

use framegate_batcher::Sizing;
use tokio::sync::oneshot;

use super::{
    ExecuteError, Executed, Opened,
    engine::Engine,
    handoff::{Giver, Taker, handoff},
    memory::own_memory,
};
use crate::{
    backend::{BackendError, BackendSpec, ModelFacts},
    frame::Input,
};

/// A backend on a thread of its own. Dropping it ends the thread after the batch it executes.
pub(crate) struct ThreadExecutor {
    batches: Giver<Batch>,
    thread: JoinHandle<()>,
}

struct Batch {
    inputs: Vec<Option<Input>>,
    done: oneshot::Sender<Executed>,
}

type Answer = Result<(ModelFacts, Opened), BackendError>;

impl ThreadExecutor {
    /// Starts the thread, which opens the backend and tells the receiver.
    pub(super) fn spawn(
        name: &str,
        spec: BackendSpec,
        sizing: Option<Sizing>,
    ) -> Result<(Self, oneshot::Receiver<Answer>), BackendError> {
        let (batches, taker) = handoff();
        let (opened, open) = oneshot::channel();
        let body = move || match open_engine(&spec, sizing.as_ref()) {
            Ok(((engine, found), facts)) => {
                let _ = opened.send(Ok((facts, found)));
                execute_all(engine, &taker);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|error| BackendError(format!("no thread for the replica: {error}")))?;
        Ok((Self { batches: batches(thread.thread().clone()), thread }, open))
    }

    pub(super) fn execute(&self, inputs: Vec<Option<Input>>) -> oneshot::Receiver<Executed> {
        let (done, executed) = oneshot::channel();
        // Only when the last one has ended. A dead thread drops `done`, which the receiver sees as a crash.
        self.batches.give(Batch { inputs, done });
        executed
    }

    /// The thread, which ends once it has come through its batch.
    pub(super) fn into_handle(self) -> JoinHandle<()> {
        self.thread
    }
}

fn open_engine(
    spec: &BackendSpec,
    sizing: Option<&Sizing>,
) -> Result<((Engine, Opened), ModelFacts), BackendError> {
    let source = spec.source()?;
    let before = own_memory().unwrap_or_default();
    let opened = Engine::open(&source, sizing).map(|(engine, measured)| {
        let memory = own_memory().unwrap_or_default().saturating_sub(before);
        let provider = engine.provider();
        (engine, Opened { measured, memory, provider })
    });
    spec.settle(&source, opened)
}

fn execute_all(mut engine: Engine, batches: &Taker<Batch>) {
    while let Some(Batch { inputs, done }) = batches.take() {
        let start = Instant::now();
        let outputs = engine.execute(&inputs);
        let crashed = matches!(outputs, Err(ExecuteError::Crashed(_)));
        let _ = done.send(Executed { outputs, took: start.elapsed() });
        if crashed {
            return;
        }
    }
}
