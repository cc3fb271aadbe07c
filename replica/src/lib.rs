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
pub mod frame;
mod job;
mod output;
mod task;
mod worker;

pub use answer::{Answer, Responder, Served, Timings};
pub use artifact::{Artifact, ArtifactError, Channels, InputSpec, Labels, Task};
pub use artifact_folder::ArtifactFolder;
pub use cost::{BatchCost, Batches};
pub use job::FrameJob;
pub use output::{Bounds, Class, Classification, Detection, ModelOutput};
pub use worker::{ReplicaFailure, ReplicaSpec, ReplicaState, ReplicaStatus};
