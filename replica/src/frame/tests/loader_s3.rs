//! Loads of objects behind a network.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::pending;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    tests::{BOTH, CLASSIFIER, DETECTOR, FRAME_BYTES, HANG, inline, load, loader},
    *,
};
use crate::frame::{
    bucket::Bucket,
    reference::Buckets,
    s3::{
        S3Bucket,
        server::{Server, answer},
    },
    samples,
};

/// An entry that may leave at any moment.
struct Leaves(CancellationToken);

impl Wanted for Leaves {
    fn is_wanted(&self) -> bool {
        !self.0.is_cancelled()
    }

    async fn departed(&self) {
        self.0.cancelled().await;
    }
}

fn object(loader: &FrameLoader, server: &Server, uri: &str) -> Arc<Frame> {
    object_in(server.bucket(), loader, uri)
}

fn object_in(bucket: S3Bucket, loader: &FrameLoader, uri: &str) -> Arc<Frame> {
    let buckets = Buckets::new(vec![Bucket::s3("cams", bucket).unwrap()]).unwrap();
    loader.frame(Source::Object(buckets.resolve(uri).unwrap()), None, BOTH.into())
}

/// A server that says when it was asked, and that the connection is closed, but never answers.
async fn silent_server() -> (Server, mpsc::Receiver<&'static str>) {
    let (sender, news) = mpsc::channel(8);
    let server = Server::start(move |_, mut connection: TcpStream| {
        let sender = sender.clone();
        async move {
            sender.send("asked").await.unwrap();
            let _ = connection.read_u8().await;
            let _ = sender.send("closed").await;
        }
    })
    .await;
    (server, news)
}

async fn next(news: &mut mpsc::Receiver<&'static str>) -> &'static str {
    timeout(HANG, news.recv()).await.expect("no news").expect("a server")
}

#[tokio::test]
async fn the_models_of_a_request_share_one_fetch() {
    let server = Server::scripted(vec![answer("200 OK", "", &samples::jpeg(64, 48))]).await;
    let loader = loader(8 * FRAME_BYTES, 2);
    let frame = object(&loader, &server, "s3://cams/site1/a.jpg");
    let (detector, classifier) =
        tokio::join!(load(&loader, &frame, &DETECTOR), load(&loader, &frame, &CLASSIFIER));
    assert!(detector.unwrap().timings.fetch > Duration::ZERO);
    assert!(classifier.is_ok());
    assert_eq!(server.asked(), ["GET /cams/site1/a.jpg HTTP/1.1"]);
    assert_eq!((loader.stats().loads, loader.stats().shared), (1, 1));
}

#[tokio::test]
async fn a_panic_while_fetching_is_an_error_and_the_next_may_fetch() {
    let server = Server::scripted(vec![answer("200 OK", "", &samples::jpeg(64, 48)); 2]).await;
    let loader = loader(8 * FRAME_BYTES, 1);
    let bucket = server.bucket_with(Arc::new(|_| panic!("the observer of the test")));
    let failed = load(&loader, &object_in(bucket, &loader, "cams:a.jpg"), &CLASSIFIER).await;
    assert_eq!(failed.unwrap_err(), ErrorCode::Internal);
    load(&loader, &object(&loader, &server, "cams:a.jpg"), &CLASSIFIER).await.unwrap();
}

#[tokio::test]
async fn an_evicted_frame_is_fetched_again() {
    let whole = answer("200 OK", "", &samples::png(64, 48));
    let server = Server::scripted(vec![whole.clone(), whole]).await;
    let loader = loader(FRAME_BYTES, 1);
    let frame = object(&loader, &server, "cams:a.png");
    load(&loader, &frame, &DETECTOR).await.unwrap();
    load(&loader, &inline(&loader, samples::png(64, 48)), &DETECTOR).await.unwrap();
    load(&loader, &frame, &CLASSIFIER).await.unwrap();
    assert_eq!(server.asked().len(), 2);
    assert_eq!((loader.stats().loads, loader.stats().reloads), (3, 1));
}

#[tokio::test]
async fn the_object_s_own_errors_are_kept_and_the_bucket_s_are_not() {
    let missing = answer("404 Not Found", "", b"<Code>NoSuchKey</Code>");
    let refused = answer("403 Forbidden", "", b"");
    let found = answer("200 OK", "", &samples::jpeg(64, 48));
    let server = Server::scripted(vec![missing, refused, found]).await;
    let loader = loader(8 * FRAME_BYTES, 1);
    let frame = object(&loader, &server, "cams:none.jpg");
    for geometry in BOTH {
        let failed = load(&loader, &frame, &geometry).await;
        assert_eq!(failed, Err(ErrorCode::ObjectNotFound));
    }
    let frame = object(&loader, &server, "cams:a.jpg");
    assert_eq!(load(&loader, &frame, &DETECTOR).await, Err(ErrorCode::BucketUnavailable));
    assert!(load(&loader, &frame, &CLASSIFIER).await.is_ok());
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_slow_fetch_holds_no_slot_and_no_permit() {
    let (server, mut news) = silent_server().await;
    let loader = loader(FRAME_BYTES, 1);
    let slow = object(&loader, &server, "cams:slow.jpg");
    let waiting = tokio::spawn({
        let loader = loader.clone();
        async move { load(&loader, &slow, &DETECTOR).await }
    });
    assert_eq!(next(&mut news).await, "asked");
    assert_eq!(loader.shared.slots.available_permits(), 1);
    assert_eq!(loader.stats().budget.pinned, 0);
    let other = inline(&loader, samples::jpeg(64, 48));
    assert!(load(&loader, &other, &DETECTOR).await.is_ok());
    waiting.abort();
    assert_eq!(next(&mut news).await, "closed");
}

#[tokio::test]
async fn a_fetch_ends_when_its_entry_departs() {
    let (server, mut news) = silent_server().await;
    let loader = loader(FRAME_BYTES, 1);
    let frame = object(&loader, &server, "cams:slow.jpg");
    let gone = CancellationToken::new();
    let entry = Leaves(gone.clone());
    let waiting = tokio::spawn({
        let loader = loader.clone();
        async move { loader.load(&frame, &DETECTOR, entry).await }
    });
    assert_eq!(next(&mut news).await, "asked");
    gone.cancel();
    assert_eq!(timeout(HANG, waiting).await.expect("a load hangs").unwrap(), Ok(None));
    assert_eq!(next(&mut news).await, "closed");
    let departed = Departed { in_fetch: 1, ..Departed::default() };
    assert_eq!(loader.stats().departed, departed);
    assert_eq!(server.told(), [("DEPARTED", 0, 0)]);
    assert_eq!(loader.shared.fetches().available_permits(), 2);
}

#[tokio::test]
async fn only_so_many_are_fetched_at_once() {
    let go_on = Arc::new(Notify::new());
    let (sender, mut asked) = mpsc::channel(8);
    let server = Server::start({
        let go_on = Arc::clone(&go_on);
        move |_, mut connection: TcpStream| {
            let (sender, go_on) = (sender.clone(), Arc::clone(&go_on));
            async move {
                sender.send(()).await.unwrap();
                go_on.notified().await;
                let whole = answer("200 OK", "", &samples::jpeg(64, 48));
                connection.write_all(&whole).await.unwrap();
            }
        }
    })
    .await;
    let loader = loader(8 * FRAME_BYTES, 1);
    let frames = ["cams:1.jpg", "cams:2.jpg", "cams:3.jpg"];
    let loads = frames.map(|uri| {
        let (loader, frame) = (loader.clone(), object(&loader, &server, uri));
        tokio::spawn(async move { load(&loader, &frame, &DETECTOR).await })
    });
    for _ in 0..2 {
        timeout(HANG, asked.recv()).await.expect("it is not asked");
    }
    assert_eq!(loader.shared.fetches().available_permits(), 0);
    assert_eq!(server.asked().len(), 2, "the third waits");
    for _ in 0..3 {
        go_on.notify_one();
        // The next is asked for as soon as one has come.
        let _ = tokio::select! {
            next = asked.recv() => next,
            () = async { if server.asked().len() < 3 { pending::<()>().await } } => None,
        };
    }
    for load in loads {
        assert!(timeout(HANG, load).await.expect("a load hangs").unwrap().is_ok());
    }
}
