use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use framegate_batcher::{Job, Removal};
use framegate_proto::{ErrorCode, ServeError};

use crate::{Answer, Responder, frame::Frame};

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

impl Job for FrameJob {
    fn removed(&self, why: Removal) {
        self.shared.departed.store(true, Ordering::Release);
        let code = match why {
            Removal::Cancelled => ErrorCode::Cancelled,
            Removal::Expired => self.shared.expiry,
            Removal::Superseded => ErrorCode::Superseded,
            Removal::Discarded | Removal::Closed => ErrorCode::Draining,
        };
        self.answer(Err(ServeError::new(code)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

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
