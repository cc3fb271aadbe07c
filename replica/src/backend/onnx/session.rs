//! Opens a model's session by the first of its providers that can be had.

use ort::{
    environment::Environment,
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
};

use super::{OnnxModel, unavailable::Unavailable};
use crate::backend::{BackendError, Provider};

/// A session, and what executes it. What was tried before in vain is told to the log.
///
/// # Errors
/// When none of the providers opens the model: why each of them does not.
pub(super) fn open(
    environment: &Environment,
    model: &OnnxModel,
) -> Result<(Session, Provider), BackendError> {
    let OnnxModel { artifact, execution, num_threads, .. } = model;
    let mut refused: Vec<Unavailable> = Vec::new();
    for &provider in &execution.providers {
        let builder = builder(environment, *num_threads);
        let builder = builder.and_then(|builder| with(builder, provider, model));
        let session = builder.and_then(|mut builder| builder.commit_from_file(&artifact.model));
        match session {
            Ok(session) => {
                for unavailable in refused {
                    let model = artifact.name.as_ref();
                    tracing::warn!(model, "executed by {provider}, since {unavailable}");
                }
                return Ok((session, provider));
            }
            Err(error) => refused.push(Unavailable::of(provider, &error.to_string())),
        }
    }
    let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
    Err(BackendError(format!("{}: {}", artifact.model.display(), reasons.join("; "))))
}

fn builder(environment: &Environment, num_threads: usize) -> ort::Result<SessionBuilder> {
    // Spinning threads would take the cores from decoding and from other replicas.
    Ok(Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(num_threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?)
}

#[cfg(not(feature = "cuda"))]
fn with(builder: SessionBuilder, provider: Provider, _: &OnnxModel) -> ort::Result<SessionBuilder> {
    match provider {
        Provider::Cpu => Ok(builder),
        Provider::Cuda | Provider::TensorRt => Err(not_built()),
    }
}

#[cfg(feature = "cuda")]
fn with(
    builder: SessionBuilder,
    provider: Provider,
    model: &OnnxModel,
) -> ort::Result<SessionBuilder> {
    Ok(builder.with_execution_providers(super::gpu::providers(provider, model)?)?)
}

/// What stands for the words of ONNX Runtime where it was not asked.
#[cfg(not(feature = "tensorrt"))]
pub(super) fn not_built() -> ort::Error {
    ort::Error::new("this program was built without")
}
