use std::sync::Arc;

use framegate_batcher::{Origin, Priority};
use framegate_proto::{ErrorCode, ServeError};
use framegate_replica::{Answer, Responder};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::Instant,
};

use super::{
    entry::{Entry, TakenRecord},
    outcome::Tries,
    record::MAX_MODELS,
};
use crate::intake::{FrameRequest, FrameSource, Intake};

/// Queues entries at the pools and brings their answers to the delivery.
#[derive(Clone)]
pub struct Admission {
    intake: Arc<dyn Intake>,
    answers: mpsc::Sender<Answered>,
}

/// An entry and its answer.
#[derive(Debug)]
pub struct Answered {
    /// The entry.
    pub entry: Entry,
    /// How it ended in its pool.
    pub answer: Answer,
    /// When it was answered.
    pub at: Instant,
}

/// Sees to it that an entry is answered: by its pool, or with an internal error if the pool drops
/// the responder. Otherwise such an entry would hold its offset for ever.
struct Unanswered {
    entry: Option<Entry>,
    answers: mpsc::Sender<Answered>,
}

/// How many entries can be in flight at once: an upper bound of the messages in any channel that
/// carries each of them at most once.
pub fn max_entries(max_records: usize, models: usize) -> usize {
    max_records.saturating_mul(models.max(MAX_MODELS)).min(tokio::sync::Semaphore::MAX_PERMITS)
}

impl Admission {
    /// Admits into `intake`; the answers come out of the receiver, at most `max_entries` at once.
    pub fn new(intake: Arc<dyn Intake>, max_entries: usize) -> (Self, mpsc::Receiver<Answered>) {
        let (answers, receiver) = mpsc::channel(max_entries);
        (Self { intake, answers }, receiver)
    }

    /// How full the ingest's share of the fullest queue of `models` is.
    pub fn ingest_fill(&self, models: &[Arc<str>]) -> f64 {
        self.intake.ingest_fill(models)
    }

    /// Queues the record at `models`. Each (record, model) must have no other try under way.
    pub fn admit(&self, taken: &Arc<TakenRecord>, models: &[Arc<str>], tries: Tries) {
        let request = FrameRequest {
            source: FrameSource::Uri(taken.record.uri.clone()),
            region: None,
            fairness_key: Arc::clone(&taken.record.camera_id),
            camera_id: Some(Arc::clone(&taken.record.camera_id)),
            captured_at: taken.record.captured_at,
            priority: Priority::default(),
            origin: Origin::Ingest,
            deadline: taken.deadline,
            expiry: ErrorCode::FrameTooOld,
        };
        let mut responder = |model: &Arc<str>| -> Responder {
            let entry = Entry { taken: Arc::clone(taken), model: Arc::clone(model), tries };
            let unanswered = self.unanswered(entry);
            Box::new(move |answer| unanswered.answer(answer))
        };
        self.intake.admit_detached(&request, models, &mut responder);
    }

    /// Answers an entry without asking its pool.
    pub fn refuse(&self, entry: Entry, error: ServeError) {
        self.unanswered(entry).answer(Err(error));
    }

    fn unanswered(&self, entry: Entry) -> Unanswered {
        Unanswered { entry: Some(entry), answers: self.answers.clone() }
    }
}

impl Unanswered {
    fn answer(mut self, answer: Answer) {
        self.send(answer);
    }

    /// Never blocks and never finds the channel full: it has a place for every (record, model) in
    /// flight, each of which has one try under way at most, and a record stays in flight while one
    /// of its answers waits in the channel.
    fn send(&mut self, answer: Answer) {
        let Some(entry) = self.entry.take() else { return };
        let answered = Answered { entry, answer, at: Instant::now() };
        match self.answers.try_send(answered) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => tracing::debug!("answer after the end of the ingest"),
            Err(TrySendError::Full(lost)) => {
                tracing::error!(
                    entry = lost.entry.id(),
                    "answer lost; its offset stays uncommitted"
                );
            }
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.send(Err(ServeError::new(ErrorCode::Internal)));
    }
}
