//! `device:`, `fallback:` and `precision:` of a model: what its operators run on.

use framegate_replica::backend::{Execution, Precision, Provider};

use super::checks::Checks;
use super::raw::{RawBackend, RawDevice, RawFallback, RawModel, RawPrecision, Text};

const ORDER: &str = "each must need less than what is tried before it; write `[cuda, cpu]` or `[cpu]` after \
     `backend: tensorrt`, `[cpu]` after `device: cuda`";
const ONLY_LOADED: &str = "only with a model that is loaded; remove this";

/// Of a model that is loaded.
pub(super) fn resolve(name: &Text, raw: &RawModel, checks: &mut Checks) -> Execution {
    let mut providers = vec![first(name, raw, checks)];
    if let Some(fallback) = &raw.fallback {
        providers.extend(fallback.value.iter().map(|next| match next {
            RawFallback::Cuda => Provider::Cuda,
            RawFallback::Cpu => Provider::Cpu,
        }));
        if !providers.is_sorted_by(|before, next| before > next) {
            checks.wrong(fallback, ORDER);
        }
    }
    let precision = raw.precision.as_ref();
    if let Some(precision) = precision.filter(|_| providers[0] != Provider::TensorRt) {
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
    Execution { providers, precision }
}

/// What is tried first.
fn first(name: &Text, raw: &RawModel, checks: &mut Checks) -> Provider {
    match (raw.backend.unwrap_or_default(), raw.device) {
        (RawBackend::Tensorrt, device) => {
            if matches!(device, Some(RawDevice::Cpu)) {
                let computes =
                    "TensorRT computes on GPUs; write `device: cuda`, or `backend: onnx`";
                checks.wrong_name(name, computes);
            }
            Provider::TensorRt
        }
        (_, Some(RawDevice::Cuda)) => Provider::Cuda,
        (_, None | Some(RawDevice::Cpu)) => Provider::Cpu,
    }
}

/// Of a model that only takes time, and has none of these keys.
pub(super) fn refuse(name: &Text, raw: &RawModel, checks: &mut Checks) {
    if matches!(raw.device, Some(RawDevice::Cuda)) {
        checks.wrong_name(name, "a simulated model uses no device; remove `device: cuda`");
    }
    if let Some(fallback) = &raw.fallback {
        checks.wrong(fallback, ONLY_LOADED);
    }
    if let Some(precision) = &raw.precision {
        checks.wrong(precision, ONLY_LOADED);
    }
}
