//! What executes a batch. Only this folder knows ONNX Runtime.

mod execution;
pub mod nvidia;
mod onnx;
mod simulated;
mod tensor;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

pub use execution::{Execution, Precision, Provider};
use onnx::OnnxModel;
pub use onnx::{OnnxRuntime, OnnxRuntimeAbout, OnnxRuntimeError};

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

    /// What it has found to execute them on; none if it only takes time.
    fn provider(&self) -> Option<Provider> {
        None
    }
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
    /// An ONNX file.
    Onnx {
        /// The library.
        runtime: OnnxRuntime,
        /// Where the model's files are.
        folder: Arc<ArtifactFolder>,
        /// Threads within one operator.
        num_threads: usize,
        /// What its operators run on.
        execution: Execution,
        /// Entries in a batch at most, which an engine is built for.
        max_batch_size: usize,
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
    Test(Arc<OpenTest>),
}

/// What one replica's backend is opened from: the model's files as they were read. It can be sent to
/// another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum BackendSource {
    /// See [`BackendSpec::Onnx`].
    Onnx {
        /// Each process has its own.
        #[serde(skip)]
        runtime: OnnxRuntime,
        model: OnnxModel,
    },
    /// See [`BackendSpec::Simulated`].
    Simulated { base: Duration, per_item: Duration, input: Option<InputGeometry> },
    #[cfg(test)]
    #[serde(skip)]
    Test(TestBackend),
}

impl BackendSpec {
    /// Reads the model's files, which blocks on them.
    ///
    /// # Errors
    /// When they cannot be read. A later try may succeed.
    pub(crate) fn source(&self) -> Result<BackendSource, BackendError> {
        Ok(match self {
            Self::Onnx { runtime, folder, num_threads, execution, max_batch_size } => {
                let artifact = folder.read().map_err(|error| BackendError(error.to_string()))?;
                let execution = execution.clone();
                let (num_threads, max_batch_size) = (*num_threads, *max_batch_size);
                let model = OnnxModel { artifact, execution, num_threads, max_batch_size };
                BackendSource::Onnx { runtime: runtime.clone(), model }
            }
            Self::Simulated { base, per_item, facts } => {
                BackendSource::Simulated { base: *base, per_item: *per_item, input: facts.input }
            }
            #[cfg(test)]
            Self::Test(open) => BackendSource::Test(TestBackend(open.clone())),
        })
    }

    /// Takes note of whether the source could be opened, and says what is known of the model then:
    /// what was opened first stays, and what could not be opened is read anew.
    ///
    /// # Errors
    /// The given one, or that the files have changed meanwhile.
    pub(crate) fn settle<T>(
        &self,
        source: &BackendSource,
        opened: Result<T, BackendError>,
    ) -> Result<(T, ModelFacts), BackendError> {
        match (self, source) {
            (
                Self::Onnx { folder, .. },
                BackendSource::Onnx { model: OnnxModel { artifact, .. }, .. },
            ) => {
                let opened = opened.inspect_err(|_| folder.forget(artifact))?;
                if !folder.keep(artifact) {
                    let changed = "the model's files changed while it was opened";
                    return Err(BackendError(changed.to_owned()));
                }
                Ok((opened, onnx::facts(artifact)))
            }
            (Self::Simulated { facts, .. }, _) => Ok((opened?, facts.clone())),
            #[cfg(test)]
            (Self::Test(_), _) => Ok((opened?, test_facts())),
            (Self::Onnx { .. }, _) => Err(BackendError("a source of another model".to_owned())),
        }
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

impl BackendSource {
    /// Opens the backend on the calling thread; for ONNX this takes about 0.1 to 1 s.
    ///
    /// # Errors
    /// When ONNX Runtime or the model cannot be loaded, or the model does not have the tensors that
    /// its artifact names. A later try may succeed.
    pub(crate) fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        Ok(match self {
            Self::Onnx { runtime, model } => Box::new(onnx::open(runtime, model)?),
            Self::Simulated { base, per_item, .. } => {
                Box::new(simulated::SimulatedBackend::new(*base, *per_item))
            }
            #[cfg(test)]
            Self::Test(TestBackend(open)) => open()?,
        })
    }

    /// The size and fit of its input, if it looks at frames.
    pub(crate) fn geometry(&self) -> Option<&InputGeometry> {
        match self {
            Self::Onnx { model, .. } => Some(&model.artifact.input.geometry),
            Self::Simulated { input, .. } => input.as_ref(),
            #[cfg(test)]
            Self::Test(_) => None,
        }
    }
}

#[cfg(test)]
type OpenTest = dyn Fn() -> Result<Box<dyn Backend>, BackendError> + Send + Sync;

#[cfg(test)]
#[derive(Clone)]
pub(crate) struct TestBackend(Arc<OpenTest>);

#[cfg(test)]
impl std::fmt::Debug for TestBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestBackend")
    }
}

#[cfg(test)]
fn test_facts() -> ModelFacts {
    ModelFacts { version: "1".into(), input: None }
}
