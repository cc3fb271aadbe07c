//! Recordings of what comes in: a response for each tick, with what came since the last.

use std::time::Duration;

use framegate_proto::v1::{Arrival, RecordLoadResponse};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::watch::Source;
use crate::board::{Arrived, Recording};

/// A recording that somebody has asked for.
pub(super) struct LoadRecord {
    recording: Recording,
    ticks: Interval,
}

/// Frames in one response, which so stays below the 4 MiB that clients take by default, with names of
/// hundreds of bytes.
const MOST_ARRIVALS: usize = 4096;
const TICK: Duration = Duration::from_millis(100);

impl LoadRecord {
    pub(super) fn new(recording: Recording) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { recording, ticks }
    }
}

impl Source for LoadRecord {
    type Response = RecordLoadResponse;

    async fn next(&mut self) -> RecordLoadResponse {
        self.ticks.tick().await;
        let (arrived, missed) = self.recording.take(MOST_ARRIVALS);
        RecordLoadResponse {
            arrivals: arrived.into_iter().map(arrival).collect(),
            missed: missed as u64,
        }
    }
}

fn arrival(arrived: Arrived) -> Arrival {
    Arrival {
        at: Some(arrived.at.into()),
        camera_id: arrived.camera_id.as_deref().unwrap_or_default().to_owned(),
        models: arrived.models.iter().map(|model| model.to_string()).collect(),
    }
}
