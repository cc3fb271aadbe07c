use std::{future, sync::Arc, time::Duration};

use framegate_batcher::{Charge, Desk, EntryId, Formed, ReplicaSeat};
use framegate_proto::{ErrorCode, ServeError};
use tokio::{
    sync::{oneshot, watch},
    task::{self, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{
    ready::{Ready, Slot},
    replica::{ReplicaFailure, ReplicaSpec, ReplicaState, ReplicaStatus},
};
use crate::{
    Answer, FrameJob, ModelOutput, Served, Timings,
    backend::ModelFacts,
    executor::{ExecuteError, Executed, Executor},
    frame::{LoadTimings, Loaded},
};

/// A running replica: claims entries, loads them ahead, and executes batches of them.
pub(super) struct Worker {
    // Who it is.
    spec: Arc<ReplicaSpec>,
    facts: ModelFacts,
    id: Arc<str>,
    status: watch::Sender<ReplicaStatus>,

    // What it works with.
    executor: Executor,

    // What it works on: one batch loading, and the executing batch. Dropping the desk hands
    // everything back.
    desk: Desk<FrameJob, Ready>,
    loads: JoinSet<(EntryId, Result<Option<Loaded>, ServeError>)>,
    executing: Option<Executing>,
}

/// The batch on the executor, in order.
struct Executing {
    entries: Vec<Slot>,
    since: Instant,
    done: oneshot::Receiver<Executed>,
}

/// What the worker waits for.
enum Event {
    Executed(Result<Executed, oneshot::error::RecvError>),
    Loaded(EntryId, Result<Option<Loaded>, ServeError>),
    Woken,
    /// A batch is due.
    Due,
    Drain,
    /// The batch takes too long.
    Hung,
    /// The executor is gone though it had no batch.
    Died(Arc<str>),
}

impl Worker {
    pub(super) fn new(
        spec: Arc<ReplicaSpec>,
        facts: ModelFacts,
        id: Arc<str>,
        executor: Executor,
        seat: ReplicaSeat<FrameJob>,
        status: watch::Sender<ReplicaStatus>,
    ) -> Self {
        let (desk, loads, executing) = (Desk::new(seat), JoinSet::new(), None);
        Self { spec, facts, id, status, executor, desk, loads, executing }
    }

    /// Pulls until `drain`, then finishes what it executes. When this returns, its process is gone.
    pub(super) async fn pull(mut self, drain: CancellationToken) -> Result<(), ReplicaFailure> {
        let end = self.pull_until(drain).await;
        let Self { spec, executor, desk, loads, .. } = self;
        // What it has claimed goes back before the executor goes, which may take a moment.
        drop((desk, loads));
        match end {
            Err(ReplicaFailure::Hung(_) | ReplicaFailure::Stuck) => {
                executor.give_up(&spec.abandoned).await;
            }
            _ => executor.end().await,
        }
        end
    }

    async fn pull_until(&mut self, drain: CancellationToken) -> Result<(), ReplicaFailure> {
        loop {
            self.claim();
            let form_at = self.form();
            self.tell();
            match self.next_event(form_at, &drain).await {
                Event::Executed(executed) => self.finish(executed)?,
                Event::Loaded(id, result) => self.loaded(id, result),
                // Whatever else is about to be queued comes first, and is claimed with it.
                Event::Woken => task::yield_now().await,
                Event::Due => {}
                Event::Drain => return self.drain().await,
                Event::Hung => return Err(self.hung()),
                Event::Died(how) => return Err(ReplicaFailure::Crashed(how)),
            }
        }
    }

    /// Claims what there is for it, and starts loading.
    fn claim(&mut self) {
        self.desk.claim().into_iter().for_each(|(id, job)| self.load(id, job));
    }

    fn load(&mut self, id: EntryId, job: FrameJob) {
        let Some((frame, geometry)) = job.frame().cloned().zip(self.facts.input) else {
            self.desk.set_ready(id, Ready::new(None, LoadTimings::default()));
            return;
        };
        let loader = self.spec.loader.clone();
        self.loads.spawn(async move { (id, loader.load(&frame, &geometry, job).await) });
    }

    fn loaded(&mut self, id: EntryId, result: Result<Option<Loaded>, ServeError>) {
        match result {
            Ok(Some(loaded)) => {
                self.desk.set_ready(id, Ready::new(Some(loaded.input), loaded.timings));
            }
            // Nobody waits for it any more.
            Ok(None) => self.desk.forget(id),
            Err(error) => {
                self.desk.forget(id);
                self.answer(id, Err(error));
            }
        }
    }

    /// Starts a batch if it is time, else says when to look again.
    fn form(&mut self) -> Option<Instant> {
        if self.executing.is_some() {
            return None;
        }
        match self.desk.form(Instant::now()) {
            Formed::Batch(entries) => {
                self.execute(entries);
                None
            }
            Formed::Until(instant) => Some(instant),
            Formed::Nothing => None,
        }
    }

    fn execute(&mut self, mut entries: Vec<Slot>) {
        let inputs = entries.iter_mut().map(|slot| slot.ready.as_mut()?.input.take()).collect();
        let (since, done) = (Instant::now(), self.executor.execute(inputs));
        self.executing = Some(Executing { entries, since, done });
    }

    fn finish(
        &mut self,
        executed: Result<Executed, oneshot::error::RecvError>,
    ) -> Result<(), ReplicaFailure> {
        let Some(batch) = self.executing.take() else { return Ok(()) };
        let executed = executed.unwrap_or_else(|_| Executed {
            outputs: Err(ExecuteError::Crashed(Arc::from("the replica's thread died"))),
            took: batch.since.elapsed(),
        });
        match executed.outputs {
            Ok(outputs) => {
                let (entries, now) = (batch.entries.len(), Instant::now());
                let limits = self.spec.cost.record(entries, executed.took, now);
                self.deliver(batch, outputs, executed.took);
                self.spec.limit_batches(limits);
                self.has_served();
                Ok(())
            }
            Err(ExecuteError::Backend(error)) => {
                self.blame(&batch, ErrorCode::BackendFailed, &error.to_string());
                Ok(())
            }
            Err(ExecuteError::Crashed(how)) => {
                self.blame(&batch, ErrorCode::ReplicaCrashed, &how);
                Err(ReplicaFailure::Crashed(how))
            }
        }
    }

    /// What it executes is not waited for any more; should an answer come, nobody hears it.
    fn hung(&mut self) -> ReplicaFailure {
        if let Some(batch) = self.executing.take() {
            self.blame(&batch, ErrorCode::ReplicaHung, "not executed within batch_timeout");
        }
        ReplicaFailure::Hung(self.spec.batch_timeout)
    }

    fn has_served(&self) {
        self.status.send_if_modified(|status| !std::mem::replace(&mut status.has_served, true));
    }

    fn deliver(&mut self, batch: Executing, outputs: Vec<ModelOutput>, took: Duration) {
        let batch_size = u32::try_from(batch.entries.len()).unwrap_or(u32::MAX);
        let ids: Vec<EntryId> = batch.entries.iter().map(|slot| slot.entry.id).collect();
        let jobs = self.desk.seat_mut().finish_all(&ids);
        for ((slot, output), job) in batch.entries.iter().zip(outputs).zip(jobs) {
            // None: the client left or the deadline passed meanwhile, and that was its answer.
            let Some(job) = job else { continue };
            job.answer(Ok(Served {
                model: self.spec.model.clone(),
                version: self.facts.version.clone(),
                replica: self.id.clone(),
                batch_size,
                output,
                timings: timings(slot, batch.since, took),
            }));
        }
    }

    /// A failed batch of several says not whose fault it is: each entry runs again alone. One that
    /// fails alone has failed; but where the replica is gone with it, it may have been killed from
    /// outside, so only that of a suspect counts.
    fn blame(&mut self, batch: &Executing, code: ErrorCode, why: &str) {
        error!(replica = %self.id, entries = batch.entries.len(), why, "batch failed");
        match batch.entries.as_slice() {
            [alone] if alone.entry.suspect || code == ErrorCode::BackendFailed => {
                self.answer(alone.entry.id, Err(ServeError::new(code)));
            }
            suspects => {
                let ids: Vec<EntryId> = suspects.iter().map(|slot| slot.entry.id).collect();
                self.desk.seat_mut().give_back(&ids, Charge::Suspect);
            }
        }
    }

    fn answer(&mut self, id: EntryId, answer: Answer) {
        // None: the client left or the deadline passed meanwhile, and that was its answer.
        if let Some(job) = self.desk.seat_mut().finish(id) {
            job.answer(answer);
        }
    }

    /// Hands back what is not started and finishes what is.
    async fn drain(&mut self) -> Result<(), ReplicaFailure> {
        self.status.send_modify(|status| status.state = ReplicaState::Draining);
        self.desk.stop_claiming();
        self.tell();
        let Some(batch) = self.executing.as_mut() else { return Ok(()) };
        let hangs_at = batch.since + self.spec.batch_timeout;
        let limit = Instant::now() + self.spec.graceful_shutdown_timeout.get();
        match timeout_at(limit.min(hangs_at), &mut batch.done).await {
            Ok(executed) => self.finish(executed),
            Err(_) if hangs_at <= limit => Err(self.hung()),
            Err(_) => Err(ReplicaFailure::Stuck),
        }
    }

    fn tell(&self) {
        let executing = self.executing.as_ref().map_or(0, |batch| batch.entries.len());
        let ongoing = self.desk.unstarted() + executing;
        self.status.send_if_modified(|status| {
            let changed = status.ongoing != ongoing;
            status.ongoing = ongoing;
            changed
        });
    }

    /// Waits for whatever comes first. Biased: results before new work, so that answers leave as
    /// soon as they exist; the order of the rest does not matter, since none can keep coming up.
    async fn next_event(&mut self, form_at: Option<Instant>, drain: &CancellationToken) -> Event {
        let Self { spec, executor, desk, loads, executing, .. } = self;
        let hangs_at = executing.as_ref().map(|batch| batch.since + spec.batch_timeout);
        tokio::select! {
            biased;
            executed = executed(executing) => Event::Executed(executed),
            how = executor.ended(), if hangs_at.is_none() => Event::Died(how),
            () = due(hangs_at) => Event::Hung,
            Some(Ok((id, result))) = loads.join_next() => Event::Loaded(id, result),
            () = drain.cancelled() => Event::Drain,
            () = desk.seat().woken() => Event::Woken,
            () = due(form_at) => Event::Due,
        }
    }
}

async fn executed(
    executing: &mut Option<Executing>,
) -> Result<Executed, oneshot::error::RecvError> {
    match executing {
        Some(batch) => (&mut batch.done).await,
        None => future::pending().await,
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => future::pending().await,
    }
}

fn timings(slot: &Slot, started: Instant, execute: Duration) -> Timings {
    let Slot { entry, ready } = slot;
    let queue = entry.claimed_at.saturating_duration_since(entry.enqueued_at);
    let Some(Ready { load, at, .. }) = ready else {
        return Timings { queue, execute, ..Timings::default() };
    };
    Timings {
        queue,
        fetch: load.fetch,
        decode: load.decode,
        prepare: load.prepare,
        batch_wait: started.saturating_duration_since(*at),
        execute,
    }
}
