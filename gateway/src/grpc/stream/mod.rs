//! Many requests and their responses on one call.

mod order;
#[cfg(test)]
mod tests;

use std::{ops::ControlFlow, sync::Arc};

use framegate_proto::{
    ErrorCode, ServeError,
    v1::{PredictRequest, PredictResponse},
};
use futures_util::{
    FutureExt, Stream, StreamExt,
    future::{BoxFuture, Either, pending},
    stream::{self, FuturesUnordered},
};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use self::order::{Order, Place};
use super::typed::typed;

/// The two sides of a stream: requests as they are read from `R`, and the responses that `A` makes
/// of them.
pub(super) struct Exchange<R, A> {
    // What comes in.
    requests: R,
    /// Why nothing more is read, once it is so.
    end: Option<End>,
    /// Says so from outside.
    closing: BoxFuture<'static, End>,
    /// When the call ends, if it says.
    deadline: Option<Instant>,

    // What goes out.
    answer: A,
    answering: FuturesUnordered<BoxFuture<'static, (Place, PredictResponse)>>,
    order: Order<PredictResponse>,
}

/// Why a stream is not read any more. What was read is still answered.
pub(super) enum End {
    /// The client has sent all of its requests.
    HalfClosed,
    /// What it sent cannot be read.
    Unreadable(Status),
    /// The call's deadline has passed, and with it that of every request.
    DeadlinePassed,
    /// The gateway stops.
    Draining,
}

/// Requests of one stream that are in flight: read, and their response has not gone out.
pub(super) const MAX_IN_FLIGHT: usize = 256;

/// Completes when a stream is to be read no more: at `no_calls` or at the call's deadline.
pub(super) fn closing(
    no_calls: CancellationToken,
    deadline: Option<Instant>,
) -> BoxFuture<'static, End> {
    let deadline = deadline
        .map_or_else(|| Either::Left(pending()), |deadline| Either::Right(sleep_until(deadline)));
    async move {
        tokio::select! {
            () = no_calls.cancelled_owned() => End::Draining,
            () = deadline => End::DeadlinePassed,
        }
    }
    .boxed()
}

impl<R, A> Exchange<R, A>
where
    R: Stream<Item = Result<PredictRequest, Status>> + Send + Unpin + 'static,
    A: Fn(PredictRequest) -> BoxFuture<'static, PredictResponse> + Send + 'static,
{
    /// Reads `requests` until `closing`, and answers each by `answer`, which also queues it.
    pub(super) fn new(
        requests: R,
        answer: A,
        closing: BoxFuture<'static, End>,
        deadline: Option<Instant>,
    ) -> Self {
        let (answering, order) = (FuturesUnordered::new(), Order::default());
        Self { requests, end: None, closing, deadline, answer, answering, order }
    }

    /// The responses. An error is the status of the whole call, and the last that comes.
    pub(super) fn into_stream(
        self,
    ) -> impl Stream<Item = Result<PredictResponse, Status>> + Send + 'static {
        stream::unfold(Some(self), async |exchange| {
            let mut exchange = exchange?;
            match exchange.next().await {
                ControlFlow::Continue(response) => Some((Ok(response), Some(exchange))),
                ControlFlow::Break(status) => Some((Err(status?), None)),
            }
        })
    }

    /// The next response, or how the call ends: with this status, or well.
    async fn next(&mut self) -> ControlFlow<Option<Status>, PredictResponse> {
        loop {
            if let Some(response) = self.order.pop() {
                return ControlFlow::Continue(response);
            }
            match &self.end {
                Some(end) if self.order.in_flight() == 0 => {
                    return ControlFlow::Break(status(end, self.deadline, Instant::now()));
                }
                end => {
                    let reads = end.is_none() && self.order.in_flight() < MAX_IN_FLIGHT;
                    self.step(reads).await;
                }
            }
        }
    }

    /// Waits for one thing to happen. Something always can: while nothing may go out, either the
    /// stream may still be closed, or a request that is in flight is being answered.
    async fn step(&mut self, reads: bool) {
        tokio::select! {
            // The end before more work; and answers before requests, so that what is done leaves
            // before more is taken in. Answers are few, so requests are not kept out by them.
            biased;
            end = &mut self.closing, if self.end.is_none() => self.end = Some(end),
            Some((place, response)) = self.answering.next() => self.order.answer(place, response),
            request = self.requests.next(), if reads => self.take(request),
        }
    }

    fn take(&mut self, request: Option<Result<PredictRequest, Status>>) {
        match request {
            Some(Ok(request)) => {
                let place = self.order.enter(line(&request));
                let answer = (self.answer)(request);
                self.answering.push(answer.map(|response| (place, response)).boxed());
            }
            Some(Err(status)) => self.end = Some(End::Unreadable(typed(status))),
            None => self.end = Some(End::HalfClosed),
        }
    }
}

/// The line in which a request's response waits: its camera's. Without a camera it is the
/// client's, whose name no camera has.
fn line(request: &PredictRequest) -> Option<Arc<str>> {
    let camera = request.frame.as_ref().map_or("", |frame| &frame.camera_id);
    request.in_order.then(|| camera.into())
}

/// How the call ends when all that was read is answered; none is OK.
///
/// After OK, every request has had its response. After a status, those without one were not read.
fn status(end: &End, deadline: Option<Instant>, now: Instant) -> Option<Status> {
    // The last requests expire at the same instant: that shall not decide how the call ends.
    if deadline.is_some_and(|deadline| deadline <= now) {
        return Some(ServeError::new(ErrorCode::DeadlineExceeded).into());
    }
    match end {
        End::HalfClosed => None,
        End::Unreadable(status) => Some(status.clone()),
        End::DeadlinePassed => Some(ServeError::new(ErrorCode::DeadlineExceeded).into()),
        End::Draining => Some(ServeError::new(ErrorCode::Draining).into()),
    }
}
