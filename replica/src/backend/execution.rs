//! What executes the operators of a model, and what is tried where that cannot be had. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What executes the operators of a model, by what it needs of a machine: the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Provider {
    /// The machine's processor.
    Cpu,
    /// A GPU of NVIDIA, by its library for neural networks.
    Cuda,
    /// The same, by an engine that TensorRT builds of the model.
    TensorRt,
}

/// In which numbers an engine of TensorRT computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Precision {
    /// As the model is written.
    #[default]
    Fp32,
    /// Half of the bits where that is faster.
    Fp16,
    /// Eight bits, of a model that is quantised.
    Int8,
}

/// How a model is executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// What is tried, one after another, until one of them opens the model. At least one.
    pub providers: Vec<Provider>,
    /// Of an engine.
    pub precision: Precision,
}

impl Execution {
    /// Whether a GPU is what is tried first.
    pub fn wants_gpu(&self) -> bool {
        self.providers.first() != Some(&Provider::Cpu)
    }

    /// Whether an engine may have to be built, for batches of a bounded size.
    pub fn has_engine(&self) -> bool {
        self.providers.contains(&Provider::TensorRt)
    }
}

impl Provider {
    /// As policies write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => cfg!(feature = "cuda"),
            Self::TensorRt => cfg!(feature = "tensorrt"),
        }
    }
}

impl Precision {
    /// As policies write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

/// `tensorrt, else cuda, else cpu`.
impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.providers.iter().map(|provider| provider.name()).collect();
        f.write_str(&names.join(", else "))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
