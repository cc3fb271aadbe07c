//! Why a provider is not to be had, and what to do about it.

use std::fmt;

use crate::backend::{Provider, nvidia};

/// A provider that does not open a model here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unavailable {
    provider: Provider,
    cause: Cause,
    /// What ONNX Runtime says.
    said: String,
}

/// The first thing that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// This program was built without it.
    NotBuilt,
    /// The machine has no driver of NVIDIA.
    NoDriver,
    /// The library of ONNX Runtime was built without it.
    NotInLibrary,
    /// All seems to be there.
    Unknown,
}

impl Unavailable {
    /// Looks for what is missing, once ONNX Runtime has said that it cannot.
    pub(super) fn of(provider: Provider, said: &str) -> Self {
        let cause = match provider {
            Provider::Cpu => Cause::Unknown,
            _ if !provider.is_built() => Cause::NotBuilt,
            _ if !is_in_library(provider) => Cause::NotInLibrary,
            _ if !nvidia::has_driver() => Cause::NoDriver,
            _ => Cause::Unknown,
        };
        Self { provider, cause, said: said.trim().to_owned() }
    }
}

/// Whether the library of ONNX Runtime, which must be loaded, was built with it.
fn is_in_library(provider: Provider) -> bool {
    #[cfg(any(feature = "cuda", feature = "tensorrt"))]
    use ort::ep::ExecutionProvider;
    match provider {
        Provider::Cpu => true,
        #[cfg(feature = "cuda")]
        Provider::Cuda => ort::ep::CUDA::is_available().unwrap_or(false),
        #[cfg(feature = "tensorrt")]
        Provider::TensorRt => ort::ep::TensorRT::is_available().unwrap_or(false),
        #[cfg(not(all(feature = "cuda", feature = "tensorrt")))]
        _ => false,
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, cause, said } = self;
        match cause {
            Cause::NotBuilt => write!(
                f,
                "{provider} is not in this program: build it with `cargo build --release \
                 --features {provider}`"
            ),
            Cause::NoDriver => write!(
                f,
                "{provider} needs NVIDIA's driver, and libcuda.so.1 is not found: install the driver; \
                 ONNX Runtime says: {said}"
            ),
            Cause::NotInLibrary => write!(
                f,
                "{provider} is not in this library of ONNX Runtime: set ORT_DYLIB_PATH to that of \
                 the onnxruntime-gpu package, with its libonnxruntime_providers_*.so beside it"
            ),
            Cause::Unknown if *provider == Provider::Cpu => f.write_str(said),
            Cause::Unknown => write!(
                f,
                "{provider} cannot open it (`framegate doctor` says what is missing): {said}"
            ),
        }
    }
}
