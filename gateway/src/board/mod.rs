//! What operators read back: counts of each pool, cameras, and the latest results.
//!
//! Everything here is counted where the metrics already count the same thing, with plain atomics
//! behind handles that their owners keep. Prometheus' handles cannot be read, hence these.

mod arrivals;
mod cameras;
mod latest;
mod passage;
mod tally;

use std::sync::Arc;

use dashmap::DashMap;

pub use arrivals::{Arrivals, Arrived, Recording};
pub use cameras::{Camera, CameraCounts, Cameras, PairEnd};
pub use latest::{Latest, Passed, ResultWatch};
pub use passage::Passage;
pub use tally::{FrameAges, Tally};

use crate::intake::FrameRequest;

/// The board of one gateway.
#[derive(Default)]
pub struct Board {
    tallies: DashMap<Arc<str>, Arc<Tally>>,
    /// The cameras that frames came in for.
    pub cameras: Cameras,
    /// What comes in, for whoever records it.
    pub arrivals: Arrivals,
    /// The results that passed by last, while somebody watches.
    pub latest: Arc<Latest>,
}

impl Board {
    /// The tally of a model, to be kept; the same model gives the same tally. There are as many as
    /// the policy has models, and one for what no model has.
    pub fn tally(&self, model: &str) -> Arc<Tally> {
        if let Some(tally) = self.tallies.get(model) {
            return tally.clone();
        }
        self.tallies.entry(model.into()).or_default().clone()
    }

    /// What is to be noted of a request's answers. Frames of calls are counted here, those of
    /// records where the records are taken, since a record may be queued several times.
    pub fn passage(&self, request: &FrameRequest) -> Passage {
        Passage::new(self, request)
    }
}
