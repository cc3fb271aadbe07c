//! How ONNX Runtime is told to execute a model by TensorRT.

use std::{env, fs, io, path::PathBuf};

use ort::ep::{ExecutionProviderDispatch, TensorRT};

use super::{
    OnnxModel,
    engine::{self, Profile},
};
use crate::backend::{Precision, nvidia};

/// Where engines are kept, if the environment says so.
const FOLDER: &str = "FRAMEGATE_ENGINES";
/// What an artifact's folder may hold: scales of its activations, as ONNX Runtime writes them.
const CALIBRATION: &str = "calibration.flatbuffers";

/// TensorRT, which takes the engine that was built before, or builds it.
///
/// # Errors
/// When there is no place for engines.
pub(super) fn provider(model: &OnnxModel) -> ort::Result<ExecutionProviderDispatch> {
    let OnnxModel { artifact, execution, max_batch_size, .. } = model;
    let folder = folder(model);
    let folder = folder.map_err(|error| ort::Error::new(format!("engines: {error}")))?;
    let Profile { least, most } = Profile::new(&artifact.input, *max_batch_size);
    let precision = execution.precision;
    let provider = TensorRT::default()
        .with_engine_cache(true)
        .with_engine_cache_path(folder.display())
        .with_timing_cache(true)
        .with_timing_cache_path(folder.display())
        .with_profile_min_shapes(least)
        // Batches are full where it matters.
        .with_profile_opt_shapes(&most)
        .with_profile_max_shapes(&most)
        .with_fp16(precision != Precision::Fp32)
        .with_int8(precision == Precision::Int8);
    let calibration = artifact.model.with_file_name(CALIBRATION);
    let provider = match precision {
        Precision::Int8 if calibration.exists() => {
            provider.with_int8_calibration_table_name(calibration.display())
        }
        _ => provider,
    };
    Ok(provider.build().error_on_failure())
}

/// The folder of this model's engines, which is made.
fn folder(model: &OnnxModel) -> io::Result<PathBuf> {
    let devices = nvidia::devices().into_iter().flatten().map(|device| device.name);
    let (devices, version) = (devices.collect::<Vec<_>>(), nvidia::tensorrt_version());
    let made_with = format!("{version:?} {devices:?} {}", ort::info());
    let folder = engines()?.join(engine::name(model, &made_with)?);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn engines() -> io::Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let folder = set(FOLDER).or_else(|| Some(cache()?.join("framegate/engines")));
    let nowhere = || io::Error::other(format!("there is no place for them: set {FOLDER}"));
    folder.ok_or_else(nowhere)
}
