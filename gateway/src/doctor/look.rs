//! How a part is looked for.

use std::{env, num::NonZero, path::Path, thread};

use framegate_replica::backend::{
    OnnxRuntimeAbout, Provider,
    nvidia::{self, GpuDevice},
};

use crate::policy::usable_memory;

/// What is found, or why it is not.
pub(super) type Look = Result<String, String>;

const GIB: f64 = (1_u64 << 30) as f64;

pub(super) fn processor() -> String {
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

pub(super) fn memory() -> String {
    let gib = |bytes| format!("{:.1} GiB that a process may use", bytes as f64 / GIB);
    usable_memory().map_or_else(|| "the system does not say".to_owned(), gib)
}

pub(super) fn runtime(OnnxRuntimeAbout { path, build }: &OnnxRuntimeAbout) -> String {
    format!("{} ({build})", path.display())
}

pub(super) fn built(provider: Provider) -> Look {
    if provider.is_built() { Ok("built in".to_owned()) } else { Err("built without".to_owned()) }
}

/// A provider of ONNX Runtime, whose own library stands beside that.
pub(super) fn provider(runtime: Option<&OnnxRuntimeAbout>, name: &str) -> Look {
    let runtime = runtime.ok_or_else(|| "there is no ONNX Runtime".to_owned())?;
    let library = format!("libonnxruntime_providers_{name}.so");
    let beside = runtime.path.parent().unwrap_or_else(|| Path::new("")).join(library);
    let shown = beside.display();
    if beside.exists() { Ok(shown.to_string()) } else { Err(format!("there is no {shown}")) }
}

/// The first of these that is found.
pub(super) fn library(names: &[&str]) -> Look {
    let mut why = String::new();
    for name in names {
        match nvidia::find(name) {
            Ok(_) => return Ok((*name).to_owned()),
            Err(error) => why = error,
        }
    }
    Err(why)
}

pub(super) fn devices() -> Look {
    let devices: Vec<String> = nvidia::devices()?.iter().map(device).collect();
    if devices.is_empty() {
        Err("the driver tells of none".to_owned())
    } else {
        Ok(devices.join("; "))
    }
}

fn device(device: &GpuDevice) -> String {
    let GpuDevice { ordinal, name, compute_capability: (major, minor), .. } = device;
    let [total, free] = [device.total_memory, device.free_memory].map(|bytes| bytes as f64 / GIB);
    format!("{ordinal}: {name}, {major}.{minor}, {total:.1} GiB, {free:.1} GiB of it free")
}

pub(super) fn tensorrt() -> Look {
    let found = library(&[nvidia::TENSORRT])?;
    Ok(nvidia::tensorrt_version().map_or(found.clone(), |version| format!("{found} ({version})")))
}
