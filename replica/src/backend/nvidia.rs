//! What of NVIDIA's software this machine has, as the loader finds it.

use std::{error::Error, ffi::c_int};

use libloading::Library;

/// The driver's library, which comes with the driver and not with CUDA.
pub const DRIVER: &str = "libcuda.so.1";
/// TensorRT's.
pub const TENSORRT: &str = "libnvinfer.so.10";

/// Whether the machine has NVIDIA's driver.
pub fn has_driver() -> bool {
    is_found(DRIVER)
}

/// Whether the loader finds this library, with all that it needs.
pub fn is_found(library: &str) -> bool {
    find(library).is_ok()
}

/// The library, loaded.
///
/// # Errors
/// What the loader says.
pub fn find(library: &str) -> Result<Library, String> {
    // SAFETY: NVIDIA's libraries may be loaded at any time, by any thread; that is how ONNX Runtime
    // itself comes to them.
    let found = unsafe { Library::new(library) };
    // The crate's own words do not name the library; the loader's do.
    found.map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

/// TensorRT's version: 101305 is 10.13.5, by NvInferVersion.h. None without TensorRT.
pub fn tensorrt_version() -> Option<c_int> {
    let library = find(TENSORRT).ok()?;
    // SAFETY: `extern "C" int32_t getInferLibVersion()` of NvInferRuntime.h, since TensorRT 5.
    let version =
        unsafe { library.get::<unsafe extern "C" fn() -> c_int>(b"getInferLibVersion\0") };
    // SAFETY: as above; it reads a constant.
    version.ok().map(|version| unsafe { version() })
}

/// A device, as the driver tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuDevice {
    /// Its number among those that this process sees.
    pub ordinal: usize,
    /// Such as `NVIDIA L4`.
    pub name: String,
    /// Its architecture, such as 8.9.
    pub compute_capability: (i32, i32),
    /// Bytes of its memory.
    pub total_memory: u64,
    /// Bytes of it that are free.
    pub free_memory: u64,
}

/// The devices that this process sees (`CUDA_VISIBLE_DEVICES` is respected).
///
/// # Errors
/// What the driver says, or that there is none, or that this program was built without `cuda`.
#[cfg(feature = "cuda")]
pub fn devices() -> Result<Vec<GpuDevice>, String> {
    use cudarc::driver::CudaContext;
    if !has_driver() {
        // The crate panics without it.
        return Err(format!("{DRIVER} is not found"));
    }
    let count = CudaContext::device_count().map_err(|error| error.to_string())?;
    let device = |ordinal| {
        let context = CudaContext::new(ordinal)?;
        let (free, total) = context.mem_get_info()?;
        Ok(GpuDevice {
            ordinal,
            name: context.name()?,
            compute_capability: context.compute_capability()?,
            total_memory: total as u64,
            free_memory: free as u64,
        })
    };
    let devices = (0..usize::try_from(count).unwrap_or(0)).map(device);
    devices.collect::<Result<_, cudarc::driver::DriverError>>().map_err(|error| error.to_string())
}

/// The same, of a program that was built without `cuda`.
#[cfg(not(feature = "cuda"))]
pub fn devices() -> Result<Vec<GpuDevice>, String> {
    Err("this program was built without `--features cuda`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_and_nothing_panics() {
        let error = find("libframegate-has-no-such.so.7").map(drop).expect_err("there is none");
        assert!(error.contains("libframegate-has-no-such.so.7"), "{error}");
        if !has_driver() {
            assert!(devices().is_err());
        }
        if !is_found(TENSORRT) {
            assert_eq!(tensorrt_version(), None);
        }
    }
}
