use std::{sync::Arc, time::Duration};

use framegate_proto::ServeError;

use crate::ModelOutput;

/// How one entry ended: with a result, or with the reason why there is none.
pub type Answer = Result<Served, ServeError>;

/// Takes an entry's answer; called exactly once, from whatever thread ended the entry. It must not
/// block.
pub type Responder = Box<dyn FnOnce(Answer) + Send>;

/// A result and how it came about.
#[derive(Debug, Clone)]
pub struct Served {
    /// The model's name in the policy.
    pub model: Arc<str>,
    /// The version of its artifact.
    pub version: Arc<str>,
    /// The replica that executed the batch.
    pub replica: Arc<str>,
    /// How many entries were executed together.
    pub batch_size: u32,
    /// What the model says.
    pub output: ModelOutput,
    /// How long each stage took.
    pub timings: Timings,
}

/// How long each stage of an entry took. Stages overlap with those of other entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// From being queued until a replica claimed it.
    pub queue: Duration,
    /// Reading the object; zero where another entry had loaded the frame.
    pub fetch: Duration,
    /// Decoding to pixels; zero where another entry had loaded the frame.
    pub decode: Duration,
    /// Resizing to the model's input.
    pub prepare: Duration,
    /// From being loaded until the batch started.
    pub batch_wait: Duration,
    /// Executing the batch.
    pub execute: Duration,
}
