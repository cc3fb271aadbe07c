//! Metrics: every name in `names.rs`, handles registered once and kept by their owners.

mod bucket;
mod cameras;
mod loader;
pub mod names;
mod policy;
mod pool;
mod process;
mod registry;

pub use bucket::bucket_observer;
pub use cameras::CameraMetrics;
pub use loader::LoaderMetrics;
pub use policy::PolicyMetrics;
pub use pool::{PoolMetrics, UNKNOWN_MODEL};
pub use process::ProcessMetrics;
pub use registry::{Labels, Metric, MetricKind, Registry};
