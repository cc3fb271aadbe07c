//! Watches of a gateway without pools, in paused time.
#![allow(clippy::unwrap_used)]

use framegate_replica::frame::{FrameLoader, ImageLimits, LoaderLimits};
use futures_util::{FutureExt, StreamExt};
use tokio::time::advance;

use super::*;
use crate::{
    metrics::{PoolMetrics, Registry, UNKNOWN_MODEL},
    routes::Routes,
};

const SECOND: Duration = Duration::from_secs(1);

fn admission() -> Arc<Admission> {
    let registry = Registry::new().unwrap();
    let loader = FrameLoader::new(LoaderLimits {
        object_bytes: 1,
        image: ImageLimits { width: 1, height: 1, pixels: 1 },
        frame_bytes: 1,
        concurrent_fetches: 1,
        concurrent_loads: 1,
    });
    let unknown = PoolMetrics::new(&registry, UNKNOWN_MODEL);
    Arc::new(Admission::new(Routes::default(), loader, unknown, registry.board().clone()))
}

fn watches(ending: &CancellationToken) -> Watches {
    Watches::new(admission(), ending.clone())
}

fn every_second() -> WatchPoolsRequest {
    let interval = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    WatchPoolsRequest { interval, latest_results: 0 }
}

#[test]
fn intervals_have_limits() {
    let nanos = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let table = [
        (None, Some(DEFAULT_INTERVAL)),
        (nanos(0, 100_000_000), Some(SHORTEST_INTERVAL)),
        (nanos(60, 0), Some(LONGEST_INTERVAL)),
        (nanos(0, 99_999_999), None),
        (nanos(60, 1), None),
        (nanos(0, 0), None),
        (nanos(-1, 0), None),
        (nanos(i64::MAX, i32::MAX), None),
    ];
    for (interval, expected) in table {
        let request = WatchPoolsRequest { interval, latest_results: 0 };
        let read = read_interval(&request);
        assert_eq!(read.as_ref().ok(), expected.as_ref(), "{interval:?}");
        assert!(read.is_ok() || read.unwrap_err().code == ErrorCode::InvalidRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_away_gets_the_present_and_not_what_it_missed() {
    let watches = watches(&CancellationToken::new());
    let mut responses = Box::pin(watches.open(&every_second(), None).unwrap());
    assert!(responses.next().now_or_never().is_some(), "at once");
    assert!(responses.next().now_or_never().is_none());
    advance(SECOND * 10).await;
    assert!(responses.next().now_or_never().is_some());
    assert!(responses.next().now_or_never().is_none(), "nine were skipped");
    advance(SECOND).await;
    assert!(responses.next().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_once_a_watch_has_ended() {
    let ending = CancellationToken::new();
    let watches = watches(&ending);
    let open = || watches.open(&every_second(), None);
    let mut opened: Vec<_> = (0..MOST_WATCHES).map(|_| open().unwrap()).collect();
    assert_eq!(open().err().unwrap().code, ErrorCode::TooManyWatches);
    opened.pop();
    let mut last = Box::pin(open().unwrap());
    ending.cancel();
    assert!(last.next().await.is_none());
    drop(opened);
    assert_eq!(watches.places.available_permits(), MOST_WATCHES, "also of the one that has ended");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_watch_with_its_status() {
    let watches = watches(&CancellationToken::new());
    let deadline = Some(Instant::now() + SECOND / 2);
    let mut responses = Box::pin(watches.open(&every_second(), deadline).unwrap());
    assert!(responses.next().await.unwrap().is_ok());
    let status = responses.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    assert!(responses.next().await.is_none());
}
