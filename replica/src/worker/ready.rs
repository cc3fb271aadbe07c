use tokio::time::Instant;

use crate::{
    FrameJob,
    frame::{Input, LoadTimings},
};

/// A claimed entry, from being claimed to being executed.
pub(super) type Slot = framegate_batcher::Slot<FrameJob, Ready>;

/// A claimed entry's input, ready to be executed.
pub(super) struct Ready {
    /// Absent for a model that looks at no frame.
    pub(super) input: Option<Input>,
    pub(super) load: LoadTimings,
    pub(super) at: Instant,
}

impl Ready {
    /// Ready from now on.
    pub(super) fn new(input: Option<Input>, load: LoadTimings) -> Self {
        Self { input, load, at: Instant::now() }
    }
}
