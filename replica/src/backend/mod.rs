//! What executes a batch. Only this folder knows ONNX Runtime.

mod onnx;
mod simulated;
mod tensor;

use std::{sync::Arc, time::Duration};

pub use onnx::{OnnxRuntime, OnnxRuntimeError};

use crate::{ModelOutput, artifact::Artifact, frame::Input};

/// Executes batches on one device, one after another, on the thread that opened it.
pub trait Backend {
    /// Executes a batch and answers one output per entry, in order. An entry's input is absent only
    /// for a model that looks at no frame.
    ///
    /// # Errors
    /// When the batch as a whole could not be executed; no entry of it has a result then.
    fn execute(&mut self, batch: &[Option<Input>]) -> Result<Vec<ModelOutput>, BackendError>;
}

/// Why a backend could not be opened or a batch not be executed; for the log, not for clients.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BackendError(pub String);

/// How to open a model's backend; each replica opens one of its own.
#[derive(Clone)]
pub enum BackendSpec {
    /// An ONNX file on the CPU.
    Onnx {
        /// The loaded library.
        runtime: OnnxRuntime,
        /// The model's files.
        artifact: Arc<Artifact>,
        /// Threads within one operator.
        num_threads: usize,
    },
    /// A device that only takes time and answers a fixed classification.
    Simulated {
        /// What any batch costs.
        base: Duration,
        /// What each entry adds.
        per_item: Duration,
    },
    /// A backend that a test makes.
    #[cfg(test)]
    Test(Arc<dyn Fn() -> Result<Box<dyn Backend>, BackendError> + Send + Sync>),
}

impl BackendSpec {
    /// Opens the backend on the calling thread; for ONNX this takes about 0.1 to 1 s.
    ///
    /// # Errors
    /// When the model cannot be loaded or does not have the tensors that its artifact names.
    pub fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        Ok(match self {
            Self::Onnx { runtime, artifact, num_threads } => {
                Box::new(onnx::OnnxBackend::open(runtime, artifact.clone(), *num_threads)?)
            }
            Self::Simulated { base, per_item } => {
                Box::new(simulated::SimulatedBackend::new(*base, *per_item))
            }
            #[cfg(test)]
            Self::Test(open) => open()?,
        })
    }
}
