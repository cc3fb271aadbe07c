//! From a request to entries in the queues of its models.

use std::sync::Arc;

use arc_swap::ArcSwap;
use framegate_batcher::{EntryId, NewEntry};
use framegate_proto::{ErrorCode, ServeError};
use framegate_replica::{
    Answer, FrameJob, Responder,
    backend::ModelFacts,
    frame::{Frame, FrameLoader, InputGeometry, Source},
};
use tokio::sync::{oneshot, watch};

use crate::{
    board::Board,
    intake::{FrameRequest, FrameSource, Intake},
    metrics::PoolMetrics,
    pool::Pool,
    routes::Routes,
};

/// Takes requests in from all doors: finds their pools, parses the reference, and queues an entry
/// at each pool.
///
/// Nothing waits between reading the routes and queueing the entries. So a pool may end as soon as
/// nobody holds the routes that led to it: all that it will ever get is in its queue then.
pub struct Admission {
    routes: ArcSwap<Routes>,
    /// Told when there are others.
    rerouted: watch::Sender<()>,
    loader: FrameLoader,
    /// Counts requests that are refused whole, and what was asked of models that no pool has.
    unknown: PoolMetrics,
    board: Arc<Board>,
}

/// A pool that is asked, with what is known of its model at that moment; nothing, while its files
/// could not be read.
struct Target<'a> {
    pool: &'a Arc<Pool>,
    facts: Option<ModelFacts>,
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
    /// Serves by these routes.
    pub fn new(
        routes: Routes,
        loader: FrameLoader,
        unknown: PoolMetrics,
        board: Arc<Board>,
    ) -> Self {
        let (rerouted, routes) = (watch::Sender::new(()), ArcSwap::from_pointee(routes));
        Self { routes, rerouted, loader, unknown, board }
    }

    /// The routes now. Who keeps them keeps their pools from ending.
    pub fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    /// Serves by other routes from now on; the old ones are answered.
    pub fn reroute(&self, routes: Routes) -> Arc<Routes> {
        let old = self.routes.swap(Arc::new(routes));
        self.rerouted.send_replace(());
        old
    }

    /// Tells of other routes.
    pub fn watch_routes(&self) -> watch::Receiver<()> {
        self.rerouted.subscribe()
    }

    /// What operators read back.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Queues a call's request at each of `models`: one ticket each, in their order.
    pub fn admit(
        &self,
        routes: &Routes,
        request: &FrameRequest,
        models: &[Arc<str>],
    ) -> Vec<Ticket> {
        let mut answers = Vec::with_capacity(models.len());
        let mut responder = |_: &Arc<str>| -> Responder {
            let (sender, answer) = oneshot::channel();
            answers.push(answer);
            // The call may be gone; then nobody wants the answer.
            Box::new(move |answer| drop(sender.send(answer)))
        };
        let places = self.submit_all(routes, request, models, &mut responder);
        answers.into_iter().zip(places).map(|(answer, place)| Ticket { answer, place }).collect()
    }

    /// Counts a request that was refused before it reached any pool.
    pub fn count_refused(&self, error: &ServeError) {
        self.unknown.record(&Err(error.clone()));
    }

    fn submit_all(
        &self,
        routes: &Routes,
        request: &FrameRequest,
        models: &[Arc<str>],
        responder: &mut dyn FnMut(&Arc<str>) -> Responder,
    ) -> Vec<Option<(Arc<Pool>, EntryId)>> {
        let targets: Vec<_> = models.iter().map(|model| target(routes, model)).collect();
        let frame = self.frame(routes, request, &targets);
        let passage = Arc::new(self.board.passage(request));
        let mut places = Vec::with_capacity(models.len());
        for (model, target) in models.iter().zip(&targets) {
            let respond = responder(model);
            let Some(target) = target else {
                let answer = Err(ErrorCode::UnknownModel.into());
                self.unknown.record(&answer);
                passage.answered(&answer, self.unknown.tally());
                respond(answer);
                places.push(None);
                continue;
            };
            let respond = target.pool.counted(respond, passage.clone());
            let id = submit(request, &frame, target, respond);
            places.push(id.map(|id| (target.pool.clone(), id)));
        }
        places
    }

    /// The request's frame, shared by its models; none if no model looks at it.
    fn frame(
        &self,
        routes: &Routes,
        request: &FrameRequest,
        targets: &[Option<Target<'_>>],
    ) -> Result<Option<Arc<Frame>>, ServeError> {
        let facts = targets.iter().flatten().filter_map(|target| target.facts.as_ref());
        let inputs: Arc<[InputGeometry]> = facts.filter_map(|facts| facts.input).collect();
        if inputs.is_empty() {
            return Ok(None);
        }
        let source = match &request.source {
            FrameSource::Uri(uri) => Source::Object(routes.buckets.resolve(uri)?),
            FrameSource::Inline(data) => Source::Inline(data.clone()),
        };
        Ok(Some(self.loader.frame(source, request.region, inputs)))
    }
}

fn target<'a>(routes: &'a Routes, model: &str) -> Option<Target<'a>> {
    let pool = routes.pool(model)?;
    Some(Target { pool, facts: pool.spec().facts() })
}

fn submit(
    request: &FrameRequest,
    frame: &Result<Option<Arc<Frame>>, ServeError>,
    target: &Target<'_>,
    respond: Responder,
) -> Option<EntryId> {
    if target.facts.is_none() {
        respond(Err(ErrorCode::NoReplica.into()));
        return None;
    }
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
        latest: request.latest,
    };
    match target.pool.submit(entry, request.expiry) {
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
        self.submit_all(&self.routes.load(), request, models, responder);
    }

    fn ingest_fill(&self, models: &[Arc<str>]) -> f64 {
        let routes = self.routes.load();
        let pools = models.iter().filter_map(|model| routes.pool(model));
        pools.map(|pool| pool.ingest_fill()).fold(0.0, f64::max)
    }
}
