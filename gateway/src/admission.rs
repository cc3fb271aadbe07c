//! From a request to entries in the queues of its models.

use std::{collections::HashMap, sync::Arc};

use framegate_batcher::{EntryId, NewEntry};
use framegate_proto::{ErrorCode, ServeError};
use framegate_replica::{
    Answer, FrameJob, Responder,
    frame::{Buckets, Frame, FrameLoader, InputGeometry, Source},
};
use tokio::sync::oneshot;

use crate::{
    board::Board,
    intake::{FrameRequest, FrameSource, Intake},
    metrics::PoolMetrics,
    pool::Pool,
};

/// Takes requests in from all doors: finds their pools, parses the reference, and queues an entry
/// at each pool.
pub struct Admission {
    pools: Vec<Arc<Pool>>,
    by_name: HashMap<Arc<str>, Arc<Pool>>,
    buckets: Buckets,
    loader: FrameLoader,
    /// Counts requests that are refused whole, and what was asked of models that no pool has.
    unknown: PoolMetrics,
    board: Arc<Board>,
}

/// An entry of a call, cancelled when this is dropped before the answer.
pub struct Ticket {
    answer: oneshot::Receiver<Answer>,
    place: Option<(Arc<Pool>, EntryId)>,
}

impl Ticket {
    /// Waits for the answer; dropping the future cancels the entry.
    pub async fn answer(mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.place = None;
        answer.unwrap_or_else(|_| Err(ErrorCode::Internal.into()))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // An id is never used again: where the entry has ended meanwhile, this does nothing.
        if let Some((pool, id)) = &self.place {
            pool.queue().cancel(*id);
        }
    }
}

impl Admission {
    /// Serves these pools from these buckets.
    pub fn new(
        pools: Vec<Arc<Pool>>,
        buckets: Buckets,
        loader: FrameLoader,
        unknown: PoolMetrics,
        board: Arc<Board>,
    ) -> Self {
        let by_name = pools.iter().map(|pool| (pool.name().clone(), pool.clone())).collect();
        Self { pools, by_name, buckets, loader, unknown, board }
    }

    /// The pools, in the order of the policy.
    pub fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// The pool of a model.
    pub fn pool(&self, model: &str) -> Option<&Arc<Pool>> {
        self.by_name.get(model)
    }

    /// What operators read back.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Queues a call's request at each of `models`: one ticket each, in their order.
    pub fn admit(&self, request: &FrameRequest, models: &[Arc<str>]) -> Vec<Ticket> {
        let mut answers = Vec::with_capacity(models.len());
        let mut responder = |_: &Arc<str>| -> Responder {
            let (sender, answer) = oneshot::channel();
            answers.push(answer);
            // The call may be gone; then nobody wants the answer.
            Box::new(move |answer| drop(sender.send(answer)))
        };
        let places = self.submit_all(request, models, &mut responder);
        answers.into_iter().zip(places).map(|(answer, place)| Ticket { answer, place }).collect()
    }

    /// Counts a request that was refused before it reached any pool.
    pub fn count_refused(&self, error: &ServeError) {
        self.unknown.record(&Err(error.clone()));
    }

    fn submit_all(
        &self,
        request: &FrameRequest,
        models: &[Arc<str>],
        responder: &mut dyn FnMut(&Arc<str>) -> Responder,
    ) -> Vec<Option<(Arc<Pool>, EntryId)>> {
        let frame = self.frame(request, models);
        let passage = Arc::new(self.board.passage(request));
        let mut places = Vec::with_capacity(models.len());
        for model in models {
            let respond = responder(model);
            let Some(pool) = self.by_name.get(model) else {
                let answer = Err(ErrorCode::UnknownModel.into());
                self.unknown.record(&answer);
                passage.answered(&answer, self.unknown.tally());
                respond(answer);
                places.push(None);
                continue;
            };
            let id = submit(request, &frame, pool, pool.counted(respond, passage.clone()));
            places.push(id.map(|id| (pool.clone(), id)));
        }
        places
    }

    /// The request's frame, shared by its models; none if no model looks at it.
    fn frame(
        &self,
        request: &FrameRequest,
        models: &[Arc<str>],
    ) -> Result<Option<Arc<Frame>>, ServeError> {
        let pools = models.iter().filter_map(|model| self.by_name.get(model));
        let inputs: Arc<[InputGeometry]> = pools.filter_map(|pool| pool.spec().input).collect();
        if inputs.is_empty() {
            return Ok(None);
        }
        let source = match &request.source {
            FrameSource::Uri(uri) => Source::Object(self.buckets.resolve(uri)?),
            FrameSource::Inline(data) => Source::Inline(data.clone()),
        };
        Ok(Some(self.loader.frame(source, request.region, inputs)))
    }
}

fn submit(
    request: &FrameRequest,
    frame: &Result<Option<Arc<Frame>>, ServeError>,
    pool: &Pool,
    respond: Responder,
) -> Option<EntryId> {
    let frame = match frame {
        Ok(frame) => frame.clone(),
        Err(error) => {
            respond(Err(error.clone()));
            return None;
        }
    };
    let job = FrameJob::new(frame, request.expiry, respond);
    let entry = NewEntry {
        job: job.clone(),
        fairness_key: request.fairness_key.clone(),
        priority: request.priority,
        origin: request.origin,
        deadline: request.deadline,
    };
    match pool.submit(entry, request.expiry) {
        Ok(id) => Some(id),
        Err(error) => {
            job.answer(Err(error));
            None
        }
    }
}

impl Intake for Admission {
    fn admit_detached(
        &self,
        request: &FrameRequest,
        models: &[Arc<str>],
        responder: &mut dyn FnMut(&Arc<str>) -> Responder,
    ) {
        self.submit_all(request, models, responder);
    }

    fn ingest_fill(&self, models: &[Arc<str>]) -> f64 {
        let pools = models.iter().filter_map(|model| self.by_name.get(model));
        pools.map(|pool| pool.ingest_fill()).fold(0.0, f64::max)
    }
}
