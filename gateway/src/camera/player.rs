use std::{
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant as Clock},
};

use jiff::Timestamp;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    clip_source::StreamUrl,
    objects::UniqueObjects,
    options::RecordFormat,
    producer::{InFlight, Producer},
    record::{Acknowledged, Record, capture_time},
    reel::Reel,
    schedule::{Pace, PaceChange, Schedule},
    tally::Tally,
};

/// Cameras look at the clock together, this often: so those that are due at about the same time
/// share one awakening of the runtime and of the Kafka client.
const TICK: Duration = Duration::from_millis(5);

/// One camera: it sends frames at its pace, and its tally is told what becomes of them.
pub(super) struct Camera {
    pub(super) tally: Arc<Tally>,
    /// What it shows.
    pub(super) feed: Feed,
    /// When its first frame is due, counted from the beginning of the show.
    pub(super) start: Duration,
    pub(super) show: Arc<Show>,
}

/// Where a camera's frames come from.
pub(super) enum Feed {
    /// A clip, at the camera's own pace.
    Reel(Reel),
    /// A stream, at the stream's pace.
    Stream(StreamUrl),
}

/// What all cameras of a run share.
pub(super) struct Show {
    pub(super) bucket_name: String,
    pub(super) format: RecordFormat,
    pub(super) schedule: Schedule,
    /// JPEG quality of frames taken from streams.
    pub(super) quality: u8,
    /// Frames per camera, at most.
    pub(super) frames: u64,
    /// When it begins.
    pub(super) begin: Instant,
    /// A frame due at or after this is not sent, counted from a camera's first one.
    pub(super) end: Duration,
    pub(super) producer: Producer,
    /// Where each frame gets an object of its own; absent where references are to the clips'.
    pub(super) objects: Option<UniqueObjects>,
    pub(super) log: Option<SyncSender<Acknowledged>>,
}

/// A frame whose reference may be sent.
pub(super) struct Shot {
    /// Its bucket key.
    pub(super) key: String,
    pub(super) captured_at: Timestamp,
    /// The camera's count of frames, from 1.
    pub(super) sequence: u64,
}

impl Camera {
    /// Sends frames until the show ends or `stop` is cancelled. It waits while too many of them are
    /// without an acknowledgement.
    pub(super) async fn play(self, stop: CancellationToken) {
        let playing = async {
            match &self.feed {
                Feed::Reel(reel) => self.play_reel(reel, &stop).await,
                Feed::Stream(url) => self.play_stream(url).await,
            }
        };
        tokio::select! {
            biased; // a stop comes first, also when the camera is behind and never waits
            () = stop.cancelled() => {}
            () = playing => {}
        }
    }

    /// A camera that has waited catches up afterwards.
    async fn play_reel(&self, reel: &Reel, stop: &CancellationToken) {
        let mut pace = Pace::default();
        for n in 0..self.show.frames {
            let due = self.show.schedule.due_at(n);
            if due >= self.show.end || stop.is_cancelled() {
                return;
            }
            tokio::time::sleep_until(self.show.begin + ticked(self.start + due)).await;
            let Some(room) = self.tally.room().await else { return };
            self.note_pace(&mut pace, n);
            let (captured_at, sequence) = (Timestamp::now(), n + 1);
            let key = match &self.show.objects {
                None => Ok(reel.key(n)),
                Some(objects) => {
                    let camera_id = self.tally.camera_id();
                    objects.copy(&reel.key(n), camera_id, sequence, captured_at).await
                }
            };
            self.tally.note_produced();
            match key {
                Ok(key) => self.send(Shot { key, captured_at, sequence }, room),
                Err(error) => self.tally.note_failure(&error),
            }
        }
    }

    /// Hands the reference to the broker's client. The frame must count as produced already.
    pub(super) fn send(&self, shot: Shot, room: OwnedSemaphorePermit) {
        let record = Record {
            uri: format!("{}:{}", self.show.bucket_name, shot.key),
            camera_id: Arc::clone(self.tally.camera_id()),
            captured_at: capture_time(shot.captured_at),
            sequence: shot.sequence,
        };
        let value = match record.value(self.show.format) {
            Ok(value) => value,
            Err(error) => return self.tally.note_failure(&error.into()),
        };
        let in_flight = InFlight {
            tally: Arc::clone(&self.tally),
            sent: Clock::now(),
            log: self.show.log.clone().map(|log| (log, record)),
            _room: room,
        };
        self.show.producer.send(&value, in_flight);
    }

    fn note_pace(&self, pace: &mut Pace, n: u64) {
        let next_due = self.start + self.show.schedule.due_at(n + 1) + TICK;
        let late = self.show.begin.elapsed() > next_due;
        if late {
            self.tally.note_late();
        }
        let camera_id = self.tally.camera_id();
        match pace.note(late) {
            Some(PaceChange::FellBehind) => {
                warn!(%camera_id, sequence = n + 1, "a camera falls behind its rate");
            }
            Some(PaceChange::Recovered) => {
                info!(%camera_id, sequence = n + 1, "a camera keeps its rate again");
            }
            None => {}
        }
    }
}

/// The first tick at or after `due`.
fn ticked(due: Duration) -> Duration {
    let ticks = due.as_nanos().div_ceil(TICK.as_nanos());
    u32::try_from(ticks).map_or(due, |ticks| TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_sent_at_the_next_tick() {
        for (due, tick) in [(0, 0), (1, 5), (4_999, 5), (5_000, 5), (5_001, 10)] {
            assert_eq!(ticked(Duration::from_micros(due)), Duration::from_millis(tick));
        }
        let years = Duration::from_secs(1 << 40);
        assert_eq!(ticked(years), years);
    }
}
