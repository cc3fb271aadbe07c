//! A camera that shows a stream: ffmpeg brings its frames, each becomes an object of its own, and
//! what breaks is connected to anew.

mod parts;
mod stream;

use std::{future::pending, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tracing::{info, warn};

use self::stream::Stream;
use super::{
    clip_source::StreamUrl,
    player::{Camera, Shot},
};
use crate::backoff::{Backoff, chance};

/// A stream that has lasted this long counts as whole again.
const STEADY: Duration = Duration::from_secs(10);
/// Frames that wait for bucket and broker; what comes meanwhile is skipped, as it is soon stale.
const WAITING: usize = 2;

/// A frame as it came.
struct Arrived {
    jpeg: Bytes,
    captured_at: Timestamp,
}

impl Camera {
    /// Sends the frames of a stream as they come, until the show ends.
    pub(super) async fn play_stream(&self, url: &StreamUrl) {
        let (arrived, waiting) = mpsc::channel(WAITING);
        tokio::select! {
            () = self.receive(url, arrived) => {}
            () = self.send_arrived(waiting) => {}
            () = end(self.show.begin.checked_add(self.show.end)) => {}
        }
    }

    /// Takes frames from ffmpeg, and starts it again whenever it has ended or is stuck.
    async fn receive(&self, url: &StreamUrl, arrived: mpsc::Sender<Arrived>) {
        let (mut backoff, camera_id) = (Backoff::default(), self.tally.camera_id());
        loop {
            let opened = Instant::now();
            let reason = match Stream::open(url, self.show.quality) {
                Ok(mut stream) => {
                    self.take_frames(&mut stream, &arrived, opened, &mut backoff).await
                }
                Err(error) => format!("ffmpeg does not start: {error}"),
            };
            self.tally.note_reconnect();
            if backoff.tries() == 0 {
                warn!(%camera_id, stream = %url, reason, "a stream broke: connecting anew until it is back");
            }
            sleep(backoff.next_wait(chance())).await;
        }
    }

    /// Hands frames on until there are no more, and says why.
    async fn take_frames(
        &self,
        stream: &mut Stream,
        arrived: &mpsc::Sender<Arrived>,
        opened: Instant,
        backoff: &mut Backoff,
    ) -> String {
        loop {
            let jpeg = match stream.next_frame().await {
                Ok(jpeg) => jpeg,
                Err(reason) => return reason,
            };
            if arrived.try_send(Arrived { jpeg, captured_at: Timestamp::now() }).is_err() {
                self.tally.note_late();
            }
            if backoff.tries() > 0 && opened.elapsed() >= STEADY {
                info!(camera_id = %self.tally.camera_id(), tries = backoff.tries(), "a stream is back");
                *backoff = Backoff::default();
            }
        }
    }

    /// Writes each frame, then sends its reference.
    async fn send_arrived(&self, mut waiting: mpsc::Receiver<Arrived>) {
        // Without a place for objects there are no streams: the options are refused.
        let Some(objects) = &self.show.objects else { return };
        for sequence in 1..=self.show.frames {
            let Some(Arrived { jpeg, captured_at }) = waiting.recv().await else { return };
            let Some(room) = self.tally.room().await else { return };
            let camera_id = self.tally.camera_id();
            let key = objects.write(jpeg, camera_id, sequence, captured_at).await;
            self.tally.note_produced();
            match key {
                Ok(key) => self.send(Shot { key, captured_at, sequence }, room),
                Err(error) => self.tally.note_failure(&error),
            }
        }
    }
}

async fn end(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
