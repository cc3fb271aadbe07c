//! Metrics: every name in `names.rs`, handles registered once and kept by their owners.

mod cameras;
mod loader;
pub mod names;
mod pool;
mod registry;

pub use cameras::CameraMetrics;
pub use loader::LoaderMetrics;
pub use pool::{PoolMetrics, UNKNOWN_MODEL};
pub use registry::{Labels, Metric, Registry};
