//! How ONNX Runtime is told to execute a model on a GPU.

use ort::ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch, cuda::ConvAlgorithmSearch};

use super::OnnxModel;
use crate::backend::Provider;

/// The providers of ONNX Runtime, in the order in which they are asked for each operator; that of the
/// processor comes last by itself.
///
/// # Errors
/// When this program was built without, or there is no place for engines.
pub(super) fn providers(
    provider: Provider,
    model: &OnnxModel,
) -> ort::Result<Vec<ExecutionProviderDispatch>> {
    match provider {
        Provider::Cpu => Ok(Vec::new()),
        Provider::Cuda => Ok(vec![cuda()]),
        // What an engine does not take goes to CUDA.
        #[cfg(feature = "tensorrt")]
        Provider::TensorRt => Ok(vec![super::tensorrt::provider(model)?, cuda()]),
        #[cfg(not(feature = "tensorrt"))]
        Provider::TensorRt => {
            let _ = model;
            Err(super::session::not_built())
        }
    }
}

fn cuda() -> ExecutionProviderDispatch {
    ep::CUDA::default()
        // Replicas share a device, so none takes more of its memory than it needs.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        // Trying all of them would take seconds at each size of a batch.
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        .build()
        .error_on_failure()
}
