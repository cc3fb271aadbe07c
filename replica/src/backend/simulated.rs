use std::{thread, time::Duration};

use super::{Backend, BackendError};
use crate::{Class, Classification, ModelOutput, frame::Input};

/// Stands for a device whose batches take `base + per_item x n`. Its results say what it is.
pub(super) struct SimulatedBackend {
    base: Duration,
    per_item: Duration,
    answer: ModelOutput,
}

impl SimulatedBackend {
    pub(super) fn new(base: Duration, per_item: Duration) -> Self {
        let class = Class { label: "simulated".into(), index: 0, score: 1.0 };
        let answer = Classification { classes: vec![class], embedding: None };
        Self { base, per_item, answer: ModelOutput::Classification(answer) }
    }
}

impl Backend for SimulatedBackend {
    // It is the point of this backend to take time, and it has its thread for itself.
    #[allow(clippy::disallowed_methods)]
    fn execute(&mut self, batch: &[Option<Input>]) -> Result<Vec<ModelOutput>, BackendError> {
        let items = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        thread::sleep(self.base + self.per_item * items);
        Ok(vec![self.answer.clone(); batch.len()])
    }
}
