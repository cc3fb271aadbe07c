//! The parts, in the order in which one needs the other, and what they are for. How each is looked for is in
//! [`look`](super::look).

use framegate_replica::backend::{OnnxRuntime, Provider, nvidia};

use super::{
    look::{self, Look},
    report::{Finding, Report},
};
use crate::camera::ffmpeg;

/// What a part is for, and how it is got.
struct Help {
    enables: &'static str,
    get: &'static str,
}

const GPUS: &str = "models on GPUs: `device: cuda`, `backend: tensorrt`";
const ENGINES: &str = "engines of TensorRT: `backend: tensorrt`";
const BUILD: &str = "cargo build --release --features cuda,tensorrt";
const GPU_LIBRARY: &str =
    "set ORT_DYLIB_PATH to libonnxruntime.so of the package onnxruntime-gpu (PyPI)";

/// Looks for all of them. It loads libraries, and asks the driver for its devices.
pub async fn examine() -> Report {
    let mut findings = Vec::from(this_machine());
    findings.extend(programs());
    findings.extend(nvidia_s());
    let help = Help {
        enables: "cameras from videos and streams: `framegate camera`, `framegate demo`",
        get: "apt-get install ffmpeg",
    };
    findings.push(finding(
        "ffmpeg",
        ffmpeg::version().await.map_err(|error| format!("{error:#}")),
        help,
    ));
    Report { findings }
}

fn this_machine() -> [Finding; 2] {
    let told = |part, text| finding(part, Ok(text), Help { enables: "", get: "" });
    [told("processor", look::processor()), told("memory", look::memory())]
}

/// This program, and ONNX Runtime.
fn programs() -> [Finding; 5] {
    let runtime = OnnxRuntime::default().about().map_err(|error| error.to_string());
    let provider = |name| look::provider(runtime.as_ref().ok(), name);
    let models = Help {
        enables: "models: `backend: onnx`",
        get: "scripts/setup; or set ORT_DYLIB_PATH to libonnxruntime.so of the package onnxruntime (PyPI)",
    };
    [
        finding("ONNX Runtime", runtime.as_ref().map(look::runtime).map_err(Clone::clone), models),
        finding(
            "CUDA in this program",
            look::built(Provider::Cuda),
            Help { enables: GPUS, get: BUILD },
        ),
        finding(
            "TensorRT in this program",
            look::built(Provider::TensorRt),
            Help { enables: ENGINES, get: BUILD },
        ),
        finding("CUDA in ONNX Runtime", provider("cuda"), Help { enables: GPUS, get: GPU_LIBRARY }),
        finding(
            "TensorRT in ONNX Runtime",
            provider("tensorrt"),
            Help { enables: ENGINES, get: GPU_LIBRARY },
        ),
    ]
}

fn nvidia_s() -> [Finding; 5] {
    let for_gpus = |get| Help { enables: GPUS, get };
    let tensorrt =
        "the package tensorrt (PyPI) or libnvinfer10 of NVIDIA's repository, on LD_LIBRARY_PATH";
    [
        finding(
            "NVIDIA driver",
            look::library(&[nvidia::DRIVER]),
            for_gpus(
                "the driver of your distribution or of https://www.nvidia.com/drivers; in a container, run it \
                 with --gpus all",
            ),
        ),
        finding(
            "devices",
            look::devices(),
            for_gpus("a GPU of NVIDIA; see also CUDA_VISIBLE_DEVICES"),
        ),
        finding(
            "CUDA runtime",
            look::library(&["libcudart.so.13", "libcudart.so.12"]),
            for_gpus(
                "the packages nvidia-cuda-runtime and nvidia-cublas (PyPI), or the CUDA toolkit; the version \
                 that ONNX Runtime was built for, on LD_LIBRARY_PATH",
            ),
        ),
        finding(
            "cuDNN",
            look::library(&["libcudnn.so.9"]),
            for_gpus("the package nvidia-cudnn (PyPI) or of your distribution, on LD_LIBRARY_PATH"),
        ),
        finding("TensorRT", look::tensorrt(), Help { enables: ENGINES, get: tensorrt }),
    ]
}

fn finding(part: &'static str, look: Look, Help { enables, get }: Help) -> Finding {
    let found = look.is_ok();
    Finding { part, found, detail: look.unwrap_or_else(|why| why), enables, get }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn every_part_is_told_once_and_what_is_missing_says_how_to_get_it() {
        let Report { findings } = examine().await;
        let parts: HashSet<&str> = findings.iter().map(|finding| finding.part).collect();
        assert_eq!(parts.len(), findings.len());
        for finding in &findings {
            assert!(!finding.detail.is_empty(), "{finding:?}");
            let is_helped = !finding.enables.is_empty() && !finding.get.is_empty();
            assert!(finding.found || is_helped, "{finding:?}");
        }
    }
}
