#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::HashMap, sync::Mutex, time::Duration};

use framegate_proto::v1::FrameReference;
use futures_util::stream::BoxStream;
use tokio::{
    sync::{mpsc, oneshot},
    task::coop::unconstrained,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::*;

/// Requests that were taken in, and who waits for their responses.
type Taken = Arc<Mutex<HashMap<String, oneshot::Sender<PredictResponse>>>>;

/// A stream whose client and models are the test.
struct Harness {
    requests: Option<mpsc::Sender<Result<PredictRequest, Status>>>,
    taken: Taken,
    no_calls: CancellationToken,
    responses: BoxStream<'static, Result<PredictResponse, Status>>,
}

impl Harness {
    fn new(timeout: Option<Duration>) -> Self {
        let (sender, requests) = mpsc::channel(1000);
        let (taken, no_calls) = (Taken::default(), CancellationToken::new());
        let models = taken.clone();
        let answer = move |request: PredictRequest| {
            let (sender, response) = oneshot::channel();
            models.lock().unwrap().insert(request.request_id, sender);
            response.map(Result::unwrap).boxed()
        };
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let closing = closing(no_calls.clone(), deadline);
        let exchange = Exchange::new(ReceiverStream::new(requests), answer, closing, deadline);
        let responses = exchange.into_stream().fuse().boxed();
        Self { requests: Some(sender), taken, no_calls, responses }
    }

    fn send(&self, id: &str, camera: Option<&str>) {
        let frame = camera
            .map(|camera| FrameReference { camera_id: camera.to_owned(), ..Default::default() });
        let request_id = id.to_owned();
        let in_order = camera.is_some();
        let request = PredictRequest { request_id, frame, in_order, ..Default::default() };
        self.requests.as_ref().unwrap().try_send(Ok(request)).unwrap();
    }

    fn answer(&self, id: &str) {
        let sender = self.taken.lock().unwrap().remove(id).expect("the request was taken");
        sender.send(PredictResponse { request_id: id.to_owned(), ..Default::default() }).unwrap();
    }

    /// What the client gets without waiting: ids, or the code of the call's status.
    fn got(&mut self) -> Vec<Result<String, Code>> {
        // A test never yields, and shall not run out of tokio's budget.
        let next = || unconstrained(self.responses.next()).now_or_never()?;
        let item = |item: Result<PredictResponse, Status>| {
            item.map(|response| response.request_id).map_err(|status| status.code())
        };
        std::iter::from_fn(next).map(item).collect()
    }

    /// Whether the call has ended; only to be asked when nothing more is to come.
    fn has_ended(&mut self) -> bool {
        matches!(self.responses.next().now_or_never(), Some(None))
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

fn ids(ids: &[&str]) -> Vec<Result<String, Code>> {
    ids.iter().map(|id| Ok((*id).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_not_read_while_256_requests_are_in_flight() {
    let mut stream = Harness::new(None);
    (0..300).for_each(|number| stream.send(&number.to_string(), Some("camera")));
    assert_eq!(stream.got(), []);
    assert_eq!(stream.taken(), MAX_IN_FLIGHT);
    // Held back behind the first, it is still in flight.
    stream.answer("1");
    assert_eq!((stream.got(), stream.taken()), (vec![], MAX_IN_FLIGHT - 1));
    stream.answer("0");
    assert_eq!((stream.got(), stream.taken()), (ids(&["0", "1"]), MAX_IN_FLIGHT));
}

#[tokio::test(start_paused = true)]
async fn cameras_keep_their_order_and_do_not_wait_for_each_other() {
    let mut stream = Harness::new(None);
    for (id, camera) in [("a0", Some("a")), ("free", None), ("a1", Some("a")), ("b0", Some("b"))] {
        stream.send(id, camera);
    }
    assert_eq!(stream.got(), []);
    for (id, expected) in
        [("a1", &[][..]), ("b0", &["b0"]), ("free", &["free"]), ("a0", &["a0", "a1"])]
    {
        stream.answer(id);
        assert_eq!(stream.got(), ids(expected), "{id}");
    }
    stream.requests = None;
    assert!(stream.got().is_empty() && stream.has_ended());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_cancels_all_that_is_in_flight() {
    let mut stream = Harness::new(None);
    stream.send("1", Some("camera"));
    stream.send("2", None);
    assert_eq!(stream.got(), []);
    drop(stream.responses);
    assert!(stream.taken.lock().unwrap().values().all(oneshot::Sender::is_closed));
}

#[tokio::test(start_paused = true)]
async fn after_the_last_answer_a_call_ends_as_its_reading_did() {
    let ends: [(&str, fn(&mut Harness), Option<Code>); 3] = [
        ("half-closed", |stream| stream.requests = None, None),
        ("stopping", |stream| stream.no_calls.cancel(), Some(Code::Unavailable)),
        (
            "unreadable",
            |stream| {
                let status = Status::out_of_range("too large");
                stream.requests.as_ref().unwrap().try_send(Err(status)).unwrap();
            },
            Some(Code::OutOfRange),
        ),
    ];
    for (name, end, status) in ends {
        let mut stream = Harness::new(None);
        stream.send("1", None);
        assert_eq!(stream.got(), []);
        end(&mut stream);
        assert_eq!(stream.got(), [], "{name}: the request is in flight");
        if stream.requests.is_some() {
            stream.send("2", None);
        }
        stream.answer("1");
        let expected: Vec<_> = ids(&["1"]).into_iter().chain(status.map(Err)).collect();
        assert_eq!(stream.got(), expected, "{name}");
        assert_eq!(stream.taken(), 0, "{name}: nothing more is read");
        assert!(stream.has_ended(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_passed_deadline_ends_the_call_however_its_reading_ended() {
    let ends: [fn(&mut Harness); 3] =
        [|_| {}, |stream| stream.requests = None, |stream| stream.no_calls.cancel()];
    for end in ends {
        let mut stream = Harness::new(Some(Duration::from_secs(5)));
        stream.send("1", None);
        assert_eq!(stream.got(), []);
        end(&mut stream);
        tokio::time::sleep(Duration::from_secs(5)).await;
        // As its entries do, which expire at the same instant.
        stream.answer("1");
        let expected = [Ok("1".to_owned()), Err(Code::DeadlineExceeded)];
        assert_eq!(stream.got(), expected);
        assert!(stream.has_ended());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_requests_ends_well_and_one_after_the_stop_is_not_read() {
    let mut stream = Harness::new(None);
    stream.requests = None;
    assert!(stream.has_ended());
    let mut stream = Harness::new(None);
    stream.send("1", None);
    stream.no_calls.cancel();
    assert_eq!((stream.got(), stream.taken()), (vec![Err(Code::Unavailable)], 0));
}
