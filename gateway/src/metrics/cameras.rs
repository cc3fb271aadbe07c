use std::{sync::Arc, time::SystemTime};

use metrics::{Counter, Gauge};

use super::{Registry, names};
use crate::board::Board;

/// The metrics of the cameras that are counted. Cameras themselves are no label: their number has
/// no bound that a metrics store would like.
pub struct CameraMetrics {
    board: Arc<Board>,
    counted: Gauge,
    uncounted: Counter,
}

impl CameraMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Self {
        Self {
            board: registry.board().clone(),
            counted: registry.gauge(names::CAMERAS, &[]),
            uncounted: registry.counter(names::UNCOUNTED_CAMERA_FRAMES, &[]),
        }
    }

    /// Makes room for further cameras where there is none, and takes the counts over.
    pub fn tidy_and_set(&self) {
        let cameras = &self.board.cameras;
        cameras.tidy(SystemTime::now());
        self.counted.set(cameras.count() as f64);
        self.uncounted.absolute(cameras.uncounted());
    }
}
