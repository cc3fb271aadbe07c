//! What executes a batch. Only this folder knows ONNX Runtime.

mod onnx;
mod simulated;
mod tensor;

use std::{sync::Arc, time::Duration};

pub use onnx::{OnnxRuntime, OnnxRuntimeError};

use crate::{
    ArtifactFolder, ModelOutput,
    frame::{Input, InputGeometry},
};

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

/// What has to be known of a model before entries for it can be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// The version of its artifact.
    pub version: Arc<str>,
    /// The size and fit of the input; absent for a model that looks at no frame.
    pub input: Option<InputGeometry>,
}

/// How to open a model's backend; each replica opens one of its own.
#[derive(Clone)]
pub enum BackendSpec {
    /// An ONNX file on the CPU.
    Onnx {
        /// The library.
        runtime: OnnxRuntime,
        /// Where the model's files are.
        folder: Arc<ArtifactFolder>,
        /// Threads within one operator.
        num_threads: usize,
    },
    /// A device that only takes time and answers a fixed classification.
    Simulated {
        /// What any batch costs.
        base: Duration,
        /// What each entry adds.
        per_item: Duration,
        /// What it says of itself.
        facts: ModelFacts,
    },
    /// A backend that a test makes.
    #[cfg(test)]
    Test(Arc<dyn Fn() -> Result<Box<dyn Backend>, BackendError> + Send + Sync>),
}

impl BackendSpec {
    /// Opens the backend on the calling thread, and says what it has opened; for ONNX this takes
    /// about 0.1 to 1 s.
    ///
    /// # Errors
    /// When the model's files cannot be read, or ONNX Runtime or the model not be loaded, or it
    /// does not have the tensors that its artifact names. A later try may succeed.
    pub fn open(&self) -> Result<(Box<dyn Backend>, ModelFacts), BackendError> {
        Ok(match self {
            Self::Onnx { runtime, folder, num_threads } => {
                let (backend, facts) = onnx::open(runtime, folder, *num_threads)?;
                (Box::new(backend), facts)
            }
            Self::Simulated { base, per_item, facts } => {
                (Box::new(simulated::SimulatedBackend::new(*base, *per_item)), facts.clone())
            }
            #[cfg(test)]
            Self::Test(open) => (open()?, test_facts()),
        })
    }

    /// What is known of the model; absent while its files could not be read.
    pub fn facts(&self) -> Option<ModelFacts> {
        match self {
            Self::Onnx { folder, .. } => folder.current().map(|artifact| onnx::facts(&artifact)),
            Self::Simulated { facts, .. } => Some(facts.clone()),
            #[cfg(test)]
            Self::Test(_) => Some(test_facts()),
        }
    }
}

#[cfg(test)]
fn test_facts() -> ModelFacts {
    ModelFacts { version: "1".into(), input: None }
}
