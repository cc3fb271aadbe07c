use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use framegate_batcher::{Job, Removal};
use framegate_proto::{ErrorCode, ServeError};
use tokio::sync::Notify;

use crate::{
    Answer, Responder,
    frame::{Frame, Wanted},
};

/// What a pool queues for one model of one request: the frame's reference and who waits for the
/// answer. A clone is the same job.
#[derive(Clone)]
pub struct FrameJob {
    shared: Arc<Shared>,
}

struct Shared {
    frame: Option<Arc<Frame>>,
    expiry: ErrorCode,
    departed: AtomicBool,
    /// Wakes who fetches for it when it has departed.
    departure: Notify,
    responder: Mutex<Option<Responder>>,
}

impl FrameJob {
    /// A job for `frame`, which is absent for a model that looks at none. `expiry` is the error
    /// that passing its deadline means.
    pub fn new(frame: Option<Arc<Frame>>, expiry: ErrorCode, responder: Responder) -> Self {
        let shared = Shared {
            frame,
            expiry,
            departed: AtomicBool::new(false),
            departure: Notify::new(),
            responder: Mutex::new(Some(responder)),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The frame to look at.
    pub fn frame(&self) -> Option<&Arc<Frame>> {
        self.shared.frame.as_ref()
    }

    /// Whether nobody waits for the answer any more.
    pub fn has_departed(&self) -> bool {
        self.shared.departed.load(Ordering::Acquire)
    }

    /// Gives the answer to who waits for it; any but the first is dropped.
    pub fn answer(&self, answer: Answer) {
        let mut slot = self.shared.responder.lock().unwrap_or_else(PoisonError::into_inner);
        let responder = slot.take();
        drop(slot);
        if let Some(respond) = responder {
            respond(answer);
        }
    }
}

impl Wanted for FrameJob {
    fn is_wanted(&self) -> bool {
        !self.has_departed()
    }

    async fn departed(&self) {
        // It hears of a departure from here on, so none can pass between the two looks.
        let departure = self.shared.departure.notified();
        if !self.has_departed() {
            departure.await;
        }
    }
}

impl Job for FrameJob {
    fn removed(&self, why: Removal) {
        self.shared.departed.store(true, Ordering::Release);
        self.shared.departure.notify_waiters();
        let code = match why {
            Removal::Cancelled => ErrorCode::Cancelled,
            Removal::Expired => self.shared.expiry,
            Removal::Discarded | Removal::Closed => ErrorCode::Draining,
        };
        self.answer(Err(ServeError::new(code)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_departure_is_heard_before_and_after() {
        let job = FrameJob::new(None, ErrorCode::FrameTooOld, Box::new(|_| {}));
        let waiter = job.clone();
        let waiting = tokio::spawn(async move { waiter.departed().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && job.is_wanted());
        job.removed(Removal::Cancelled);
        waiting.await.expect("it hears of the departure");
        job.departed().await;
        assert!(!job.is_wanted());
    }

    #[test]
    fn only_the_first_answer_counts() {
        let (sender, answers) = mpsc::channel();
        let respond = Box::new(move |answer: Answer| sender.send(answer).expect("a receiver"));
        let job = FrameJob::new(None, ErrorCode::FrameTooOld, respond);
        job.removed(Removal::Expired);
        job.answer(Err(ServeError::new(ErrorCode::Internal)));
        let codes: Vec<_> = answers.iter().filter_map(|answer| Some(answer.err()?.code)).collect();
        assert_eq!(codes, [ErrorCode::FrameTooOld]);
        assert!(job.has_departed());
    }
}
