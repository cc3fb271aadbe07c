//! A pool of a run: its queue, its desks and its decisions are those that serve.

mod failing;
mod planted;
mod replica;
mod scaling;

use std::{collections::BTreeMap, mem, time::Duration};

use framegate_batcher::{
    EntryId, Latest, NewEntry, Origin, PoolQueue, Priority, SeatId, SubmitError,
};
use framegate_proto::ErrorCode;

use self::replica::Replica;
use super::{
    account::{Account, Owner, Wanted},
    job::{End, FaultyJob, Mailbox, Ticket},
    plan::ModelPlan,
    scene::{Event, PoolEvent, Scene},
    trace::Happened,
};
use crate::{pool::deciding::Deciding, simulate::woken};

pub(super) struct Pool {
    number: usize,
    plan: ModelPlan,
    queue: PoolQueue<FaultyJob>,
    account: Account,
    told: Mailbox,
    /// Who has been answered, and how, since the last [`Pool::settle`].
    ends: Vec<(Owner, End)>,

    deciding: Deciding,
    /// How often it was decided, and when last.
    turn: u64,
    decided_at: Duration,
    /// Whether the next decision is ahead of its time.
    hurries: bool,
    /// Whether the gateway stops, so that no replica is started.
    is_stopping: bool,

    replicas: BTreeMap<u64, Replica>,
    started: u64,
    batches: u64,
    /// Whose seat it is.
    seats: BTreeMap<SeatId, u64>,
    /// When entries are looked at that are due.
    expires_at: Option<Duration>,
}

impl Pool {
    pub(super) fn begin(number: usize, scene: &mut Scene) -> Self {
        let plan = scene.plan.models[number].clone();
        let mut pool = Self {
            number,
            queue: PoolQueue::with_clock(plan.limits, scene.clock.clone()),
            account: Account::new(plan.limits),
            told: Mailbox::default(),
            ends: Vec::new(),
            deciding: Deciding::new(plan.autoscaling, scene.instant()),
            turn: 0,
            decided_at: scene.now,
            hurries: false,
            is_stopping: false,
            replicas: BTreeMap::new(),
            started: 0,
            batches: 0,
            seats: BTreeMap::new(),
            expires_at: None,
            plan,
        };
        pool.reconcile(pool.plan.autoscaling.initial_replicas, scene);
        pool.decide(scene);
        pool
    }

    /// Queues an entry, or says why not. That must be right, as far as is known here.
    pub(super) fn submit(
        &mut self,
        wanted: Wanted,
        scene: &mut Scene,
    ) -> Result<(EntryId, Ticket), ErrorCode> {
        let (pool, ticket) = (self.number, scene.ticket());
        let job = FaultyJob::new(ticket, wanted.poison, &self.told);
        let expected = self.account.expects(&wanted, scene.instant());
        let answer = self.queue.submit(new_entry(job, &wanted));
        let said = answer.map(|_| ());
        scene.check(said == expected, || {
            format!("entry {ticket} got {said:?} instead of {expected:?}")
        });
        match answer {
            Ok(id) => {
                let Wanted { line, .. } = wanted;
                let (camera, priority) = (line.camera, line.priority);
                scene.note(Happened::Submitted { pool, entry: ticket, camera, priority });
                self.account.submitted(ticket, wanted);
                self.hear(scene);
                Ok((id, ticket))
            }
            Err(error) => {
                scene.note(Happened::Refused { pool });
                Err(code_of(error))
            }
        }
    }

    /// Its client leaves.
    pub(super) fn cancel(&mut self, (id, ticket): (EntryId, Ticket), scene: &mut Scene) {
        let expected = self.account.cancelled(ticket);
        let said = self.queue.cancel(id);
        // Under a planted bug, an entry may have got another name.
        scene.check(said == expected || scene.bug.is_some(), || {
            format!("entry {ticket} is in the pool: {expected}; its cancelling says {said}")
        });
        self.hear(scene);
    }

    /// What was entered for now happens.
    pub(super) fn happen(&mut self, event: PoolEvent, scene: &mut Scene) {
        match event {
            PoolEvent::Decide { turn } if turn == self.turn => self.decide(scene),
            PoolEvent::Decide { .. } => {}
            PoolEvent::Started { replica } => self.run(replica, scene),
            PoolEvent::Loaded { replica, entry, load } => self.loaded(replica, entry, load, scene),
            PoolEvent::Look { replica } => self.look(replica, scene),
            PoolEvent::Executed { replica, batch } => self.executed(replica, batch, scene),
            PoolEvent::Overdue { replica, batch } => self.overdue(replica, batch, scene),
            PoolEvent::Late { replica } => self.late(replica, scene),
            PoolEvent::GraceEnds { replica } => self.grace_ends(replica, scene),
            PoolEvent::Expire => self.expires_at = None,
        }
    }

    /// Time has passed: what is due leaves.
    pub(super) fn pass(&mut self, scene: &mut Scene) {
        let _ = self.queue.ongoing();
        self.hear(scene);
    }

    /// Lets everyone look who was woken, until nobody is. Returns who was answered, and how.
    pub(super) fn settle(&mut self, scene: &mut Scene) -> Vec<(Owner, End)> {
        while let Some(woken) = woken(&self.queue, &self.seats) {
            woken.into_iter().for_each(|id| self.look(id, scene));
        }
        self.hear(scene);
        self.hurry(scene);
        self.watch_deadlines(scene);
        mem::take(&mut self.ends)
    }

    /// Checks what is to hold while nothing happens.
    pub(super) fn check(&self, scene: &mut Scene) {
        let counts = self.queue.snapshot();
        self.account.check(&counts, scene);
        let idle = self.replicas.iter().find(|(_, replica)| replica.is_idle());
        scene.check(counts.queued == 0 || idle.is_none(), || {
            format!("replica {:?} idles beside {} that wait", idle.map(|it| it.0), counts.queued)
        });
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.ongoing() == 0
    }

    /// How full the ingest's share of its queue is.
    pub(super) fn ingest_fill(&self) -> f64 {
        self.queue.snapshot().queued_ingest as f64 / self.plan.limits.max_queued_ingest as f64
    }

    /// The gateway stops: what came by ingest and is not executing goes, and nothing more comes in.
    pub(super) fn stop_accepting(&mut self, scene: &mut Scene) {
        self.is_stopping = true;
        self.queue.discard_unstarted(Origin::Ingest);
        self.hear(scene);
        self.queue.stop_accepting();
        self.account.close();
    }

    /// All that is left goes.
    pub(super) fn close(&mut self, scene: &mut Scene) {
        self.account.close();
        self.queue.close();
        self.hear(scene);
    }

    /// The gateway is gone. Even so each entry is removed once, and only once.
    pub(super) fn destroy(mut self, scene: &mut Scene) {
        self.account.close();
        let replicas: Vec<u64> = self.replicas.keys().copied().collect();
        replicas.into_iter().for_each(|id| self.vanish(id, scene));
        let Self { queue, mut account, told, .. } = self;
        drop(queue);
        for (entry, end) in told.take() {
            account.told(entry, end, scene);
        }
        let left = account.live();
        scene.check(left == 0, || format!("{left} entries are left of a pool that is gone"));
    }

    /// Takes note of what jobs were told.
    fn hear(&mut self, scene: &mut Scene) {
        for (entry, end) in self.told.take() {
            let owner = self.account.told(entry, end, scene);
            self.ends.extend(owner.map(|owner| (owner, end)));
        }
    }

    fn watch_deadlines(&mut self, scene: &mut Scene) {
        let Some(due) = self.queue.next_deadline() else { return };
        let after = scene.until(due);
        if self.expires_at.is_none_or(|at| at > scene.now + after) {
            self.expires_at = Some(scene.now + after);
            self.enter(after, PoolEvent::Expire, scene);
        }
    }

    fn enter(&self, after: Duration, event: PoolEvent, scene: &mut Scene) {
        scene.enter(after, Event::Pool(self.number, event));
    }
}

fn new_entry(job: FaultyJob, wanted: &Wanted) -> NewEntry<FaultyJob> {
    NewEntry {
        job,
        fairness_key: format!("camera_{}", wanted.line.camera).into(),
        priority: Priority::try_from(u32::from(wanted.line.priority)).unwrap_or_default(),
        origin: wanted.owner.origin(),
        deadline: wanted.deadline,
        latest: wanted.latest.map(|order| Latest { stream: 0, order }),
    }
}

/// As a pool that serves.
fn code_of(error: SubmitError) -> ErrorCode {
    match error {
        SubmitError::Full { .. } | SubmitError::IngestShareFull { .. } => ErrorCode::QueueFull,
        SubmitError::Superseded => ErrorCode::Superseded,
        SubmitError::Closed => ErrorCode::Draining,
        SubmitError::Expired => ErrorCode::FrameTooOld,
    }
}
