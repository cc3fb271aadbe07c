//! Replicas: what loads frames, executes batches of them and answers their entries.
//!
//! ```text
//!  pool queue ─► worker ─► frame loader (fetch, decode, resize) ─► backend ─► task ─► answer
//! ```

mod answer;
mod artifact;
mod artifact_folder;
pub mod backend;
mod cost;
mod executor;
#[cfg(feature = "failpoints")]
pub mod failpoint;
pub mod frame;
mod job;
mod output;
mod task;
mod worker;

/// A place where tests make things fail: nothing, without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($($point:tt)*) => {};
}

pub use answer::{Answer, Responder, Served, Timings};
pub use artifact::{
    Artifact, ArtifactError, Axes, CenterPoints, Channels, Decode, InputSpec, Labels, OffsetFrom,
    SizeRule, Task,
};
pub use artifact_folder::ArtifactFolder;
pub use cost::{BatchCost, Batches};
pub use executor::{Abandoned, Placement, Program, resident_memory, serve_orders};
pub use job::FrameJob;
pub use output::{
    Bounds, Class, Classification, Datatype, Detection, Element, ModelOutput, OutputTensor, Point,
};
pub use worker::{GracePeriod, ReplicaFailure, ReplicaSpec, ReplicaState, ReplicaStatus};
