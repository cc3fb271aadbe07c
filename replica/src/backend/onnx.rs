#[cfg(any(feature = "tensorrt", test))]
mod engine;
#[cfg(feature = "cuda")]
mod gpu;
mod session;
#[cfg(feature = "tensorrt")]
mod tensorrt;
mod unavailable;
mod values;

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{environment::Environment, session::Session, value::TensorRef};

use serde::{Deserialize, Serialize};

use self::values::{Outputs, signature};
use super::{Backend, BackendError, Execution, ModelFacts, Provider, tensor::Normaliser};
use crate::{
    ModelOutput,
    artifact::{Artifact, Task},
    frame::Input,
    task,
};

/// The ONNX Runtime library, shared by all sessions and loaded for the first of them. Clones are
/// the same; a process has one.
#[derive(Debug, Clone, Default)]
pub struct OnnxRuntime {
    environment: Arc<Mutex<Option<Environment>>>,
}

/// What there is of ONNX Runtime.
#[derive(Debug, Clone)]
pub struct OnnxRuntimeAbout {
    /// Its library.
    pub path: PathBuf,
    /// What it says of its build.
    pub build: &'static str,
}

/// Why ONNX Runtime is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum OnnxRuntimeError {
    /// No library at any of the known places.
    #[error(
        "no ONNX Runtime library: set ORT_DYLIB_PATH to libonnxruntime.so; `scripts/setup` puts one at {DEPS_LIBRARY}"
    )]
    NotFound,
    /// The library cannot be loaded or started.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The library.
        path: PathBuf,
        /// What the loader or the library says.
        reason: String,
    },
}

const LIBRARY: &str = "libonnxruntime.so";
const DEPS_LIBRARY: &str = ".deps/onnxruntime/libonnxruntime.so";

impl OnnxRuntime {
    /// What there is of it here. Loads it.
    ///
    /// # Errors
    /// When there is none or it does not fit.
    pub fn about(&self) -> Result<OnnxRuntimeAbout, OnnxRuntimeError> {
        self.environment()?;
        let path = find_library().ok_or(OnnxRuntimeError::NotFound)?;
        Ok(OnnxRuntimeAbout { path, build: ort::info() })
    }

    /// The library's environment. Loads it unless it is loaded: from `ORT_DYLIB_PATH`, else from
    /// beside the executable, else from `.deps/` of the working folder. What failed is tried again.
    ///
    /// # Errors
    /// When there is none or it does not fit.
    fn environment(&self) -> Result<Environment, OnnxRuntimeError> {
        let mut loaded = self.environment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = &*loaded {
            return Ok(environment.clone());
        }
        let environment = load()?;
        Ok(loaded.insert(environment).clone())
    }
}

fn load() -> Result<Environment, OnnxRuntimeError> {
    let path = find_library().ok_or(OnnxRuntimeError::NotFound)?;
    let unusable = |reason: String| OnnxRuntimeError::Unusable { path: path.clone(), reason };
    let environment = ort::init_from(&path)
        .map_err(|error| unusable(error.to_string()))?
        .with_name("framegate")
        .with_telemetry(false)
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    Ok(environment)
}

fn find_library() -> Option<PathBuf> {
    if let Some(path) = env::var_os("ORT_DYLIB_PATH") {
        return Some(PathBuf::from(path));
    }
    let beside = env::current_exe().ok()?.parent()?.join(LIBRARY);
    [beside, PathBuf::from(DEPS_LIBRARY)].into_iter().find(|path| Path::exists(path))
}

/// An ONNX session of one replica.
pub(super) struct OnnxBackend {
    session: Session,
    provider: Provider,
    artifact: Arc<Artifact>,
    /// The artifact's, with what the model tells of it.
    task: Task,
    normaliser: Normaliser,
    /// The input tensor's values; kept, so that a batch allocates nothing.
    values: Vec<f32>,
}

/// A model's files as they were read, and how it is executed. It can be sent to another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OnnxModel {
    pub(super) artifact: Arc<Artifact>,
    pub(super) execution: Execution,
    /// Within one operator.
    pub(super) num_threads: usize,
    /// Entries in a batch at most.
    pub(super) max_batch_size: usize,
}

/// Opens a session of the model.
pub(super) fn open(runtime: &OnnxRuntime, model: &OnnxModel) -> Result<OnnxBackend, BackendError> {
    let environment = runtime.environment().map_err(|error| BackendError(error.to_string()))?;
    OnnxBackend::open(&environment, model)
}

/// What an artifact says of its model.
pub(super) fn facts(artifact: &Artifact) -> ModelFacts {
    ModelFacts { version: artifact.version.clone(), input: Some(artifact.input.geometry) }
}

impl OnnxBackend {
    fn open(environment: &Environment, model: &OnnxModel) -> Result<Self, BackendError> {
        let (session, provider) = session::open(environment, model)?;
        let artifact = model.artifact.clone();
        let task = artifact.task.fit(&artifact.input, &signature(&session))?;
        let normaliser = Normaliser::new(&artifact.input);
        Ok(Self { session, provider, artifact, task, normaliser, values: Vec::new() })
    }
}

impl Backend for OnnxBackend {
    fn execute(&mut self, batch: &[Option<Input>]) -> Result<Vec<ModelOutput>, BackendError> {
        let spec = &self.artifact.input;
        let (width, height) = (spec.geometry.width as usize, spec.geometry.height as usize);
        let item = 3 * width * height;
        let inputs: Vec<&Input> = batch.iter().flatten().collect();
        if inputs.len() != batch.len() || inputs.iter().any(|input| input.data.len() != item) {
            return Err(BackendError("an entry lacks its input or has one of another size".into()));
        }
        self.values.resize(batch.len() * item, 0.0);
        for (input, planes) in inputs.iter().zip(self.values.chunks_exact_mut(item)) {
            self.normaliser.write(&input.data, planes);
        }
        let shape = [batch.len(), 3, height, width];
        let tensor = TensorRef::from_array_view((shape, self.values.as_slice())).map_err(failed)?;
        let outputs =
            self.session.run(ort::inputs![spec.tensor.as_str() => tensor]).map_err(failed)?;
        task::read(&self.task, &inputs, &Outputs(&outputs))
    }

    fn provider(&self) -> Option<Provider> {
        Some(self.provider)
    }
}

fn failed(error: ort::Error) -> BackendError {
    BackendError(error.to_string())
}
