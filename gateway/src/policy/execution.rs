//! `device:`, `fallback:` and `precision:` of a model: what its operators run on.

use std::fmt;

use framegate_replica::backend::{Precision, Provider};

use super::checks::Checks;
use super::raw::{RawBackend, RawDevice, RawFallback, RawModel, RawPrecision, Text};

/// What a model's operators run on, and in which numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// What is tried, one after another, until one opens the model: at least one, each once.
    pub providers: Vec<Provider>,
    /// Of an engine of TensorRT. Default 32 bits.
    pub precision: Precision,
}

const ORDER: &str = "each must need less than what is tried before it; write `[cuda, cpu]` or `[cpu]` after \
     `backend: tensorrt`, `[cpu]` after `device: cuda`";

impl Execution {
    pub(super) fn resolve(name: &Text, raw: &RawModel, checks: &mut Checks) -> Self {
        let first = match (raw.backend.unwrap_or_default(), raw.device) {
            (RawBackend::Tensorrt, None | Some(RawDevice::Cuda)) => Provider::TensorRt,
            (RawBackend::Tensorrt, Some(RawDevice::Cpu)) => {
                checks.wrong_name(
                    name,
                    "TensorRT computes on GPUs; write `device: cuda`, or `backend: onnx`",
                );
                Provider::TensorRt
            }
            (_, Some(RawDevice::Cuda)) => Provider::Cuda,
            (_, None | Some(RawDevice::Cpu)) => Provider::Cpu,
        };
        let mut providers = vec![first];
        if let Some(fallback) = &raw.fallback {
            for next in &fallback.value {
                let next = match next {
                    RawFallback::Cuda => Provider::Cuda,
                    RawFallback::Cpu => Provider::Cpu,
                };
                if providers.last().is_some_and(|last| needs(next) < needs(*last)) {
                    providers.push(next);
                } else {
                    checks.wrong(fallback, ORDER);
                }
            }
        }
        let precision = raw.precision.as_ref();
        if let Some(precision) = precision.filter(|_| first != Provider::TensorRt) {
            checks.wrong(
                precision,
                "only with `backend: tensorrt`; elsewhere a model computes as it is written",
            );
        }
        let precision = match precision.map(|precision| precision.value).unwrap_or_default() {
            RawPrecision::Fp32 => Precision::Fp32,
            RawPrecision::Fp16 => Precision::Fp16,
            RawPrecision::Int8 => Precision::Int8,
        };
        Self { providers, precision }
    }

    /// Of a model that is executed by nothing.
    pub(super) fn refuse(name: &Text, raw: &RawModel, checks: &mut Checks) {
        const ONLY: &str = "only with a model that is loaded; remove this";
        if matches!(raw.device, Some(RawDevice::Cuda)) {
            checks.wrong_name(name, "a simulated model uses no device; remove `device: cuda`");
        }
        if let Some(fallback) = &raw.fallback {
            checks.wrong(fallback, ONLY);
        }
        if let Some(precision) = &raw.precision {
            checks.wrong(precision, ONLY);
        }
    }

    /// Whether a GPU is what is tried first.
    pub(super) fn wants_gpu(&self) -> bool {
        self.providers.first() != Some(&Provider::Cpu)
    }
}

/// What a provider needs of a machine, in order.
fn needs(provider: Provider) -> u8 {
    match provider {
        Provider::Cpu => 0,
        Provider::Cuda => 1,
        Provider::TensorRt => 2,
    }
}

/// `tensorrt, else cuda, else cpu`.
impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.providers.iter().map(|provider| provider.name()).collect();
        f.write_str(&names.join(", else "))
    }
}
