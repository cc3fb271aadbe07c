use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    options::RecordFormat,
    producer::{Pending, Producer},
    record::{Acknowledged, Record, capture_time},
    reel::Reel,
    schedule::{Pace, PaceChange, Schedule},
    summary::Counters,
};

/// One camera: its player sends frames at its pace, its follower sees each to its end.
pub(super) struct Camera {
    /// Its id, which is also its topic.
    pub(super) id: String,
    /// What it shows.
    pub(super) reel: Reel,
    /// When its first frame is due.
    pub(super) start: Instant,
    pub(super) counters: Counters,
    pub(super) show: Arc<Show>,
}

/// What all cameras of a run share.
pub(super) struct Show {
    pub(super) bucket_name: String,
    pub(super) format: RecordFormat,
    pub(super) schedule: Schedule,
    /// Frames per camera, at most.
    pub(super) frames: u64,
    /// A frame due at or after this is not sent.
    pub(super) end: Duration,
    pub(super) producer: Producer,
}

/// A record that the follower waits for.
pub(super) struct InFlight {
    record: Record,
    pending: Pending,
}

impl Camera {
    /// Sends frames until the show ends or `stop` is cancelled. It waits while `in_flight` is full
    /// of frames without an acknowledgement, and catches up afterwards.
    pub(super) async fn play(
        self: Arc<Self>,
        in_flight: mpsc::Sender<InFlight>,
        stop: CancellationToken,
    ) {
        let mut pace = Pace::default();
        for n in 0..self.show.frames {
            let due = self.show.schedule.due_at(n);
            if due >= self.show.end {
                return;
            }
            let permit = tokio::select! {
                biased; // a stop comes first, also when the camera is behind and never waits
                () = stop.cancelled() => return,
                permit = turn(self.start + due, &in_flight) => permit,
            };
            let Some(permit) = permit else { return };
            self.note_pace(&mut pace, n);
            if let Some(sent) = self.send(n) {
                permit.send(sent);
            }
        }
    }

    /// Counts how each record ended, and hands the acknowledged ones to `log`.
    pub(super) async fn follow(
        self: Arc<Self>,
        mut in_flight: mpsc::Receiver<InFlight>,
        log: Option<mpsc::Sender<Acknowledged>>,
    ) {
        while let Some(InFlight { record, pending }) = in_flight.recv().await {
            let position = match pending.acknowledged().await {
                Ok(position) => position,
                Err(error) => {
                    self.count_failure(&error);
                    continue;
                }
            };
            self.counters.acknowledged.fetch_add(1, Relaxed);
            if let Some(log) = &log {
                // Only a log that cannot write is closed; it stops the run and reports itself.
                let line = Acknowledged { record, topic: self.id.clone(), position };
                let _ = log.send(line).await;
            }
        }
    }

    fn send(&self, n: u64) -> Option<InFlight> {
        let record = Record {
            uri: format!("{}:{}", self.show.bucket_name, self.reel.key(n)),
            camera_id: self.id.clone(),
            captured_at: capture_time(Timestamp::now()),
            sequence: n + 1,
        };
        self.counters.produced.fetch_add(1, Relaxed);
        let sent = record
            .value(self.show.format)
            .map_err(anyhow::Error::from)
            .and_then(|value| Ok(self.show.producer.send(&self.id, &self.id, &value)?));
        sent.inspect_err(|error| self.count_failure(error))
            .ok()
            .map(|pending| InFlight { record, pending })
    }

    /// Only a camera's first failure is logged; the others are counted.
    fn count_failure(&self, error: &anyhow::Error) {
        if self.counters.failed.fetch_add(1, Relaxed) == 0 {
            warn!(camera_id = %self.id, error = %format_args!("{error:#}"), "frames of a camera fail to reach the broker");
        }
    }

    fn note_pace(&self, pace: &mut Pace, n: u64) {
        let next_due = self.start + self.show.schedule.due_at(n + 1);
        let late = Instant::now() > next_due;
        self.counters.late.fetch_add(u64::from(late), Relaxed);
        match pace.note(late) {
            Some(PaceChange::FellBehind) => {
                warn!(camera_id = %self.id, sequence = n + 1, "a camera falls behind its rate");
            }
            Some(PaceChange::Recovered) => {
                info!(camera_id = %self.id, sequence = n + 1, "a camera keeps its rate again");
            }
            None => {}
        }
    }
}

/// Waits for the time and for room. None if the follower is gone.
async fn turn(
    due: Instant,
    in_flight: &mpsc::Sender<InFlight>,
) -> Option<mpsc::Permit<'_, InFlight>> {
    tokio::time::sleep_until(due).await;
    in_flight.reserve().await.ok()
}
