//! Watching the pools: a snapshot at once, then at each interval.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_proto::{
    ErrorCode, ServeError,
    v1::{Camera, CameraResult, RecordLoadResponse, WatchPoolsRequest, WatchPoolsResponse},
};
use futures_util::{Stream, stream};
use prost::Message as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{convert, pool_view, record::LoadRecord};
use crate::{
    admission::Admission,
    board::{self, Passed, ResultWatch},
};

/// Opens watches, at most [`MOST_WATCHES`] at once.
pub(super) struct Watches {
    admission: Arc<Admission>,
    places: Arc<Semaphore>,
    /// Ends all of them.
    ending: CancellationToken,
}

/// A watch that somebody has open.
struct Watch<S> {
    source: S,
    deadline: Option<Instant>,
    ending: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// What is watched.
pub(super) trait Source: Send {
    type Response;

    /// The next response. Nothing is lost if the future is dropped.
    fn next(&mut self) -> impl Future<Output = Self::Response> + Send;
}

/// The pools, the cameras and the latest results.
struct Snapshots {
    admission: Arc<Admission>,
    ticks: Interval,
    /// Keeps results while they are wanted, and how many of them.
    results: Option<(ResultWatch, usize)>,
}

/// Watches at once.
const MOST_WATCHES: usize = 64;
/// Cameras in one response.
const MOST_CAMERAS: usize = 1000;
/// Results in one response.
const MOST_RESULTS: usize = 64;
/// A result with a longer outcome, such as raw tensors, is shown without it, so that a response
/// stays well below the 4 MiB that clients take by default.
const LONGEST_OUTCOME: usize = 16 * 1024;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

impl Watches {
    pub(super) fn new(admission: Arc<Admission>, ending: CancellationToken) -> Self {
        Self { admission, places: Arc::new(Semaphore::new(MOST_WATCHES)), ending }
    }

    /// Opens a watch until its client leaves, `deadline` or the end of all watches.
    ///
    /// Snapshots are made when the connection has room for one and their tick has come, and ticks
    /// that a slow client missed are skipped, so nothing is queued for it.
    pub(super) fn open(
        &self,
        request: &WatchPoolsRequest,
        deadline: Option<Instant>,
    ) -> Result<impl Stream<Item = Result<WatchPoolsResponse, Status>> + Send + use<>, ServeError>
    {
        let mut ticks = interval(read_interval(request)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let most = request.latest_results as usize;
        if most > MOST_RESULTS {
            let problem = format!("latest_results must be at most {MOST_RESULTS}");
            return Err(ServeError::with_message(ErrorCode::InvalidRequest, problem));
        }
        let results = (most > 0).then(|| (self.admission.board().latest.watch(), most));
        self.stream(Snapshots { admission: self.admission.clone(), ticks, results }, deadline)
    }

    /// Records what comes in, as long as a watch would last.
    pub(super) fn record(
        &self,
        deadline: Option<Instant>,
    ) -> Result<impl Stream<Item = Result<RecordLoadResponse, Status>> + Send + use<>, ServeError>
    {
        self.stream(LoadRecord::new(self.admission.board().arrivals.record()), deadline)
    }

    fn stream<S: Source>(
        &self,
        source: S,
        deadline: Option<Instant>,
    ) -> Result<impl Stream<Item = Result<S::Response, Status>> + Send + use<S>, ServeError> {
        let place = self.places.clone().try_acquire_owned();
        let watch = Watch {
            source,
            deadline,
            ending: self.ending.clone(),
            _place: place.map_err(|_| ServeError::new(ErrorCode::TooManyWatches))?,
        };
        Ok(stream::unfold(Some(watch), async |watch| watch?.next().await))
    }
}

impl<S: Source> Watch<S> {
    /// The next response and the watch itself, unless that was the last; none at the end.
    async fn next(mut self) -> Option<(Result<S::Response, Status>, Option<Self>)> {
        tokio::select! {
            biased;
            () = self.ending.cancelled() => None,
            () = due(self.deadline) => {
                Some((Err(ServeError::new(ErrorCode::DeadlineExceeded).into()), None))
            }
            response = self.source.next() => Some((Ok(response), Some(self))),
        }
    }
}

impl Source for Snapshots {
    type Response = WatchPoolsResponse;

    async fn next(&mut self) -> WatchPoolsResponse {
        self.ticks.tick().await;
        self.snapshot()
    }
}

impl Snapshots {
    fn snapshot(&self) -> WatchPoolsResponse {
        let cameras = self.admission.board().cameras.last_seen(MOST_CAMERAS);
        let results = self.results.as_ref().map(|(watch, most)| watch.results(*most));
        WatchPoolsResponse {
            time: Some(SystemTime::now().into()),
            pools: pool_view::pools(&self.admission),
            cameras: cameras.iter().map(|known| camera(known)).collect(),
            latest_results: results.iter().flatten().map(|passed| result(passed)).collect(),
        }
    }
}

fn read_interval(request: &WatchPoolsRequest) -> Result<Duration, ServeError> {
    let Some(interval) = request.interval else { return Ok(DEFAULT_INTERVAL) };
    let interval = Duration::try_from(interval).unwrap_or_default();
    if (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
        return Ok(interval);
    }
    let problem = "interval must be 100 ms to 60 s";
    Err(ServeError::with_message(ErrorCode::InvalidRequest, problem))
}

fn camera(camera: &board::Camera) -> Camera {
    let counts = camera.counts();
    Camera {
        camera_id: camera.id.to_string(),
        frames: counts.frames,
        results: counts.results,
        skipped: counts.skipped,
        errors: counts.errors,
        last_frame_at: Some(counts.last_frame_at.into()),
    }
}

fn result(passed: &Passed) -> CameraResult {
    let Passed { camera_id, captured_at, served } = passed;
    let mut result = convert::served(&served.model, served);
    if result.encoded_len() > LONGEST_OUTCOME {
        result.outcome = None;
    }
    CameraResult {
        camera_id: camera_id.as_deref().unwrap_or_default().to_owned(),
        captured_at: captured_at.map(Into::into),
        result: Some(result),
    }
}

async fn due(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
