//! What a replica does as long as nothing fails, as one that serves.

use std::time::Duration;

use framegate_batcher::{Desk, EntryId, Formed, SeatId, Slot};
use framegate_proto::ErrorCode;

use super::{Pool, PoolEvent, Scene, planted};
use crate::simulate::faults::{
    fault::Fault,
    job::{FaultyJob, Poison, Ticket},
    scene::Load,
    trace::Happened,
};

/// A replica, which starts, runs, or leaves.
#[derive(Default)]
pub(super) struct Replica {
    pub(super) is_leaving: bool,
    /// Absent while it starts.
    pub(super) running: Option<Running>,
}

pub(super) struct Running {
    pub(super) desk: Desk<FaultyJob, ()>,
    pub(super) executing: Option<Batch>,
    /// What it has claimed and not started, if a planted bug is to look at it.
    pub(super) remembered: Vec<(EntryId, FaultyJob)>,
    /// When it was to look last whether a batch has waited long enough.
    looks_at: Option<Duration>,
}

/// What is executed together.
pub(super) struct Batch {
    number: u64,
    pub(super) slots: Vec<Slot<FaultyJob, ()>>,
    pub(super) fate: Fate,
    /// What a planted bug executes with it.
    pub(super) smuggled: Vec<FaultyJob>,
}

/// How a batch will end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    Errs,
    Panics,
    /// Its replica is gone without a word.
    Crashes,
    /// Nothing comes of it.
    Hangs,
}

impl Replica {
    /// How many entries it holds unstarted, and executes.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.running.as_ref().map_or((0, 0), |running| running.desk.seat().counts())
    }

    /// Whether it could do something, and has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_some() && !self.is_leaving && self.counts() == (0, 0)
    }

    /// What executes, if it is this batch.
    pub(super) fn batch(&mut self, number: u64) -> Option<&mut Running> {
        let executes = |running: &&mut Running| {
            running.executing.as_ref().is_some_and(|batch| batch.number == number)
        };
        self.running.as_mut().filter(executes)
    }
}

impl Fate {
    fn draw(slots: &[Slot<FaultyJob, ()>], scene: &mut Scene) -> Self {
        let any = |poison| slots.iter().any(|slot| slot.entry.job.poison() == Some(poison));
        if any(Poison::Crashes) {
            return Self::Panics;
        }
        if any(Poison::Errs) {
            return Self::Errs;
        }
        for (fault, fate) in [
            (Fault::Crash, Self::Crashes),
            (Fault::Panic, Self::Panics),
            (Fault::BackendError, Self::Errs),
            (Fault::Hang, Self::Hangs),
            (Fault::AnswerLost, Self::Hangs),
        ] {
            if scene.falls(fault) {
                return fate;
            }
        }
        Self::Served
    }
}

impl Pool {
    /// A replica has started, or not.
    pub(super) fn run(&mut self, id: u64, scene: &mut Scene) {
        // It may have been drained before it ran.
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        if scene.falls(Fault::StartFails) {
            self.replicas.remove(&id);
            return;
        }
        scene.note(Happened::Started { pool: self.number, replica: id });
        let desk = Desk::new(self.queue.register());
        self.seats.insert(desk.seat().id(), id);
        replica.running =
            Some(Running { desk, executing: None, remembered: Vec::new(), looks_at: None });
        self.look(id, scene);
    }

    /// It claims, and forms a batch if it can.
    pub(super) fn look(&mut self, id: u64, scene: &mut Scene) {
        self.claim(id, scene);
        let Some(running) = self.working(id).filter(|it| it.executing.is_none()) else { return };
        match running.desk.form(scene.instant()) {
            Formed::Batch(slots) => self.execute(id, slots, scene),
            Formed::Until(instant) => {
                let after = scene.until(instant);
                let at = scene.now + after;
                if running.looks_at.replace(at) != Some(at) {
                    self.enter(after, PoolEvent::Look { replica: id }, scene);
                }
            }
            Formed::Nothing => {}
        }
    }

    fn working(&mut self, id: u64) -> Option<&mut Running> {
        self.replicas.get_mut(&id).filter(|it| !it.is_leaving)?.running.as_mut()
    }

    fn claim(&mut self, id: u64, scene: &mut Scene) {
        let Some(running) = self.working(id) else { return };
        let seat = running.desk.seat().id();
        let claimed = running.desk.claim();
        planted::remember(running, &claimed, scene);
        self.hear(scene);
        let tickets: Vec<Ticket> = claimed.iter().map(|(_, job)| job.ticket()).collect();
        let recalled = self.account.claimed((seat, id), &tickets, scene);
        for (from, ticket) in recalled {
            scene.fell(Fault::Recall);
            let entry = claimed.iter().find(|(_, job)| job.ticket() == ticket);
            if let Some((entry, _)) = entry.filter(|_| scene.falls(Fault::Race)) {
                self.start_recalled(from, *entry, scene);
            }
        }
        for (entry, job) in claimed {
            let load = match job.poison() {
                Some(Poison::Undecodable) => Load::Undecodable,
                _ if scene.falls(Fault::BucketAway) => Load::BucketAway,
                _ => Load::Ready,
            };
            let after = scene.up_to(self.plan.load);
            self.enter(after, PoolEvent::Loaded { replica: id, entry, load }, scene);
        }
    }

    /// A replica does not know yet that an entry was recalled, and starts it: in vain.
    fn start_recalled(&mut self, from: SeatId, entry: EntryId, scene: &mut Scene) {
        let replica = self.seats.get(&from).and_then(|id| self.replicas.get_mut(id));
        let Some(running) = replica.and_then(|replica| replica.running.as_mut()) else { return };
        let started = running.desk.seat_mut().start(&[entry]);
        scene.check(started.is_empty(), || format!("{started:?} was recalled, and yet started"));
    }

    pub(super) fn loaded(&mut self, id: u64, entry: EntryId, load: Load, scene: &mut Scene) {
        let Some(running) = self.working(id) else { return };
        match load {
            Load::Ready => running.desk.set_ready(entry, ()),
            Load::BucketAway => self.give_up(id, entry, ErrorCode::BucketUnavailable, scene),
            Load::Undecodable => self.give_up(id, entry, ErrorCode::FrameUndecodable, scene),
        }
        self.look(id, scene);
    }

    /// It cannot be loaded, and ends with that.
    fn give_up(&mut self, id: u64, entry: EntryId, code: ErrorCode, scene: &mut Scene) {
        if let Some(running) = self.working(id) {
            running.desk.forget(entry);
            running.remembered.retain(|(claimed, _)| *claimed != entry);
            self.answer(id, entry, Err(code), scene);
        }
    }

    fn execute(&mut self, id: u64, slots: Vec<Slot<FaultyJob, ()>>, scene: &mut Scene) {
        self.hear(scene);
        self.batches += 1;
        let number = self.batches;
        for slot in &slots {
            let entry = slot.entry.job.ticket();
            scene.note(Happened::Executing { entry, replica: id, batch: number });
        }
        let batch: Vec<_> =
            slots.iter().map(|slot| (slot.entry.job.ticket(), slot.entry.suspect)).collect();
        let fate = Fate::draw(&slots, scene);
        let takes = self.plan.takes(slots.len());
        let Some(running) = self.working(id) else { return };
        let seat = running.desk.seat().id();
        let started = |entry: &EntryId| slots.iter().any(|slot| slot.entry.id == *entry);
        running.remembered.retain(|(entry, _)| !started(entry));
        let smuggled = planted::keep_recalled(running);
        running.executing = Some(Batch { number, slots, fate, smuggled });
        self.account.started(seat, &batch, scene);
        let (after, event) = match fate {
            Fate::Hangs => (self.plan.patience, PoolEvent::Overdue { replica: id, batch: number }),
            Fate::Served | Fate::Errs => {
                (takes, PoolEvent::Executed { replica: id, batch: number })
            }
            Fate::Panics | Fate::Crashes => {
                (scene.up_to(takes), PoolEvent::Executed { replica: id, batch: number })
            }
        };
        self.enter(after, event, scene);
    }

    pub(super) fn executed(&mut self, id: u64, number: u64, scene: &mut Scene) {
        let running = self.replicas.get_mut(&id).and_then(|replica| replica.batch(number));
        let Some(fate) = running.and_then(|it| it.executing.as_ref()).map(|batch| batch.fate)
        else {
            return;
        };
        match fate {
            Fate::Served => self.serve(id, scene),
            Fate::Errs => self.fail(id, ErrorCode::BackendFailed, scene),
            Fate::Panics => {
                self.fail(id, ErrorCode::ReplicaCrashed, scene);
                return self.crash(id, scene);
            }
            Fate::Crashes => return self.crash(id, scene),
            Fate::Hangs => {}
        }
        match self.replicas.get(&id) {
            Some(replica) if replica.is_leaving => self.vanish(id, scene),
            _ => self.look(id, scene),
        }
    }

    fn serve(&mut self, id: u64, scene: &mut Scene) {
        let Some(batch) = self.take_batch(id) else { return };
        for slot in &batch.slots {
            self.answer(id, slot.entry.id, Ok(()), scene);
        }
        batch.smuggled.iter().for_each(|job| job.answer(Ok(())));
        self.hear(scene);
    }

    pub(super) fn take_batch(&mut self, id: u64) -> Option<Batch> {
        self.replicas.get_mut(&id)?.running.as_mut()?.executing.take()
    }

    /// Ends an entry and answers, unless it has left.
    pub(super) fn answer(
        &mut self,
        id: u64,
        entry: EntryId,
        result: Result<(), ErrorCode>,
        scene: &mut Scene,
    ) {
        let running = self.replicas.get_mut(&id).and_then(|replica| replica.running.as_mut());
        let Some(running) = running else { return };
        let seat = running.desk.seat().id();
        if let Some(job) = running.desk.seat_mut().finish(entry) {
            self.account.finished(seat, job.ticket(), scene);
            job.answer(result);
            self.hear(scene);
        }
    }
}
