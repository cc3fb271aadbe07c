use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use framegate_batcher::Sizing;

use super::{ExecuteError, Measured, warm_up::measure};
use crate::{
    ModelOutput,
    backend::{Backend, BackendError, BackendSource, Provider},
    failpoint,
    frame::Input,
};

/// An opened backend whose panics are caught. It stays on the thread that opened it.
pub(super) struct Engine {
    backend: Box<dyn Backend>,
}

impl Engine {
    /// Opens it, and measures batches for a `sizing`.
    pub(super) fn open(
        source: &BackendSource,
        sizing: Option<&Sizing>,
    ) -> Result<(Self, Measured), BackendError> {
        let open = || {
            let mut backend = source.open()?;
            let geometry = source.geometry();
            let measured = sizing.map(|sizing| measure(&mut *backend, geometry, sizing));
            Ok((Self { backend }, measured.transpose()?.unwrap_or_default()))
        };
        catch_unwind(AssertUnwindSafe(open))
            .unwrap_or_else(|_| Err(BackendError("the backend panicked while opening".to_owned())))
    }

    /// What it has found to execute batches on.
    pub(super) fn provider(&self) -> Option<Provider> {
        self.backend.provider()
    }

    /// Executes a batch. After a crash it is not to be used again: what a backend is after a panic
    /// nobody knows.
    pub(super) fn execute(
        &mut self,
        inputs: &[Option<Input>],
    ) -> Result<Vec<ModelOutput>, ExecuteError> {
        match catch_unwind(AssertUnwindSafe(|| execute(&mut *self.backend, inputs))) {
            Ok(Ok(outputs)) if outputs.len() == inputs.len() => Ok(outputs),
            Ok(Ok(_)) => Err(BackendError("the backend lost an entry".to_owned()).into()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ExecuteError::Crashed(Arc::from("the backend panicked"))),
        }
    }
}

fn execute(
    backend: &mut dyn Backend,
    inputs: &[Option<Input>],
) -> Result<Vec<ModelOutput>, BackendError> {
    failpoint!("execute.before", BackendError("failpoint".to_owned()));
    #[cfg(feature = "failpoints")]
    if inputs.iter().flatten().any(|input| failpoint::is_poison(&input.data)) {
        failpoint!("execute.poison", BackendError("failpoint".to_owned()));
    }
    let outputs = backend.execute(inputs)?;
    failpoint!("execute.after", BackendError("failpoint".to_owned()));
    Ok(outputs)
}
