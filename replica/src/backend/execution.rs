//! What executes the operators of a model, and what is tried where that cannot be had. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What executes the operators of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Entries in a batch at most, which an engine is built for.
    pub max_batch_size: usize,
}

impl Execution {
    /// By the processor alone.
    pub fn cpu(max_batch_size: usize) -> Self {
        Self { providers: vec![Provider::Cpu], precision: Precision::default(), max_batch_size }
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

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
