//! The parts, in the order in which one needs the other, and how each is looked for.

use std::{env, num::NonZero, path::Path, process::Command, thread};

use framegate_replica::backend::{OnnxRuntime, OnnxRuntimeAbout, Provider, nvidia};
use sysinfo::System;

use super::report::{Finding, Report};

/// What is found, or why not.
type Look = Result<String, String>;

const MODELS: &str = "models: `backend: onnx`";
const GPUS: &str = "models on GPUs: `device: cuda`, `backend: tensorrt`";
const ENGINES: &str = "engines of TensorRT: `backend: tensorrt`";
const GIB: f64 = (1_u64 << 30) as f64;

/// Looks for all of them. It loads libraries, and asks the driver for its devices.
pub fn examine() -> Report {
    let runtime = OnnxRuntime::default().about();
    let findings = vec![
        finding("processor", Ok(processor()), "", ""),
        finding(
            "memory",
            memory(),
            "bounds of what replicas take",
            "/proc, which containers may hide",
        ),
        finding(
            "ONNX Runtime",
            runtime.as_ref().map(of_runtime).map_err(ToString::to_string),
            MODELS,
            "scripts/setup; or set ORT_DYLIB_PATH to libonnxruntime.so of the package onnxruntime (PyPI)",
        ),
        finding(
            "CUDA in this program",
            built(cfg!(feature = "cuda")),
            GPUS,
            "cargo build --release --features cuda,tensorrt",
        ),
        finding(
            "TensorRT in this program",
            built(cfg!(feature = "tensorrt")),
            ENGINES,
            "cargo build --release --features cuda,tensorrt",
        ),
        finding(
            "CUDA in ONNX Runtime",
            in_runtime(runtime.as_ref().ok(), Provider::Cuda, "libonnxruntime_providers_cuda.so"),
            GPUS,
            "set ORT_DYLIB_PATH to libonnxruntime.so of the package onnxruntime-gpu (PyPI)",
        ),
        finding(
            "TensorRT in ONNX Runtime",
            in_runtime(
                runtime.as_ref().ok(),
                Provider::TensorRt,
                "libonnxruntime_providers_tensorrt.so",
            ),
            ENGINES,
            "set ORT_DYLIB_PATH to libonnxruntime.so of the package onnxruntime-gpu (PyPI)",
        ),
        finding(
            "NVIDIA driver",
            library(&[nvidia::DRIVER]),
            GPUS,
            "the driver of your distribution or of https://www.nvidia.com/drivers; in a container, run it with --gpus all",
        ),
        finding("devices", devices(), GPUS, "a GPU of NVIDIA; see also CUDA_VISIBLE_DEVICES"),
        finding(
            "CUDA runtime",
            library(&["libcudart.so.13", "libcudart.so.12"]),
            GPUS,
            "the packages nvidia-cuda-runtime and nvidia-cublas (PyPI), or the CUDA toolkit; the version that ONNX Runtime was \
             built for, on LD_LIBRARY_PATH",
        ),
        finding(
            "cuDNN",
            library(&["libcudnn.so.9"]),
            GPUS,
            "the package nvidia-cudnn (PyPI) or of your distribution, on LD_LIBRARY_PATH",
        ),
        finding(
            "TensorRT",
            tensorrt(),
            ENGINES,
            "the package tensorrt (PyPI) or libnvinfer10 of NVIDIA's repository, on LD_LIBRARY_PATH",
        ),
        finding(
            "ffmpeg",
            ffmpeg(),
            "cameras from videos and streams: `framegate camera`, `framegate demo`",
            "apt-get install ffmpeg",
        ),
    ];
    Report { findings }
}

fn finding(part: &'static str, look: Look, enables: &'static str, get: &'static str) -> Finding {
    let found = look.is_ok();
    Finding { part, found, detail: look.unwrap_or_else(|why| why), enables, get }
}

fn processor() -> String {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut text = format!("{cores} cores, {}", env::consts::ARCH);
    #[cfg(target_arch = "x86_64")]
    for (name, is_there) in [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("VNNI", is_x86_feature_detected!("avx512vnni")),
    ] {
        if is_there {
            text.push_str(", ");
            text.push_str(name);
        }
    }
    text
}

fn memory() -> Look {
    let mut system = System::new().map_err(|error| error.to_string())?;
    system.refresh_memory();
    let bytes = [system.total_memory(), system.available_memory()];
    let [total, free] = bytes.map(|bytes| bytes as f64 / GIB);
    Ok(format!("{total:.1} GiB, {free:.1} GiB of it free"))
}

fn of_runtime(OnnxRuntimeAbout { path, build, .. }: &OnnxRuntimeAbout) -> String {
    format!("{} ({build})", path.display())
}

fn built(is_built: bool) -> Look {
    if is_built { Ok("built in".to_owned()) } else { Err("it was built without".to_owned()) }
}

/// Of a provider: whether the library knows it, and its own library stands beside that.
fn in_runtime(runtime: Option<&OnnxRuntimeAbout>, provider: Provider, own: &str) -> Look {
    let runtime = runtime.ok_or_else(|| "there is no ONNX Runtime".to_owned())?;
    let beside = runtime.path.parent().unwrap_or_else(|| Path::new("")).join(own);
    if !runtime.providers.contains(&provider) && !beside.exists() {
        return Err(format!("the library was built without, and there is no {own} beside it"));
    }
    Ok(beside.display().to_string())
}

/// The first of these that is found.
fn library(names: &[&str]) -> Look {
    let mut why = String::new();
    for name in names {
        match nvidia::find(name) {
            Ok(_) => return Ok((*name).to_owned()),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn devices() -> Look {
    let devices = nvidia::devices()?;
    if devices.is_empty() {
        return Err("the driver tells of none".to_owned());
    }
    let show = |device: &nvidia::GpuDevice| {
        let nvidia::GpuDevice { ordinal, name, compute_capability: (major, minor), .. } = device;
        let [total, free] =
            [device.total_memory, device.free_memory].map(|bytes| bytes as f64 / GIB);
        format!("{ordinal}: {name}, {major}.{minor}, {total:.1} GiB, {free:.1} GiB of it free")
    };
    Ok(devices.iter().map(show).collect::<Vec<_>>().join("; "))
}

fn tensorrt() -> Look {
    nvidia::find(nvidia::TENSORRT)?;
    Ok(nvidia::tensorrt_version().map_or_else(
        || nvidia::TENSORRT.to_owned(),
        |version| format!("{} ({version})", nvidia::TENSORRT),
    ))
}

fn ffmpeg() -> Look {
    let ran = Command::new("ffmpeg").arg("-version").output();
    let ran = ran.map_err(|error| format!("it cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&ran.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_part_is_told_once_and_what_is_missing_says_how_to_get_it() {
        let Report { findings } = examine();
        let parts: HashSet<&str> = findings.iter().map(|finding| finding.part).collect();
        assert_eq!(parts.len(), findings.len());
        for finding in &findings {
            assert!(!finding.detail.is_empty(), "{finding:?}");
            let is_helped = !finding.enables.is_empty() && !finding.get.is_empty();
            assert!(finding.found || is_helped, "{finding:?}");
        }
    }
}
