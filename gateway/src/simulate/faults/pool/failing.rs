//! How replicas and batches fail.

use framegate_batcher::{Charge, EntryId};
use framegate_proto::ErrorCode;

use super::{
    Pool, PoolEvent, Scene, planted,
    replica::{Batch, Replica},
};
use crate::simulate::faults::{fault::Fault, trace::Happened};

impl Pool {
    /// A failed batch of several says not whose fault it is: each runs again alone. One that fails
    /// alone has failed, but for the first time that its replica goes with it. As in a worker that
    /// serves.
    pub(super) fn fail(&mut self, id: u64, code: ErrorCode, scene: &mut Scene) {
        let Some(batch) = self.take_batch(id) else { return };
        let ids: Vec<EntryId> = batch.slots.iter().map(|slot| slot.entry.id).collect();
        match at_fault(&batch, code) {
            Some(alone) => self.answer(id, alone, Err(code), scene),
            _ if code == ErrorCode::ReplicaCrashed && planted::loses(scene) => {
                self.forget(id, &ids, scene);
            }
            _ if planted::returns_last(scene) => self.resubmit(id, &batch.slots, scene),
            _ => self.give_back(id, &ids, scene),
        }
    }

    fn give_back(&mut self, id: u64, ids: &[EntryId], scene: &mut Scene) {
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        let Some(running) = &mut replica.running else { return };
        let (_, executing) = self.account.held(running.desk.seat().id());
        running.desk.seat_mut().give_back(ids, Charge::Suspect);
        self.account.returned(&executing, true, scene);
        self.hear(scene);
    }

    /// A replica is gone with what it holds; its seat hands that back.
    pub(super) fn crash(&mut self, id: u64, scene: &mut Scene) {
        if let Some(batch) = self.take_batch(id)
            && planted::loses(scene)
        {
            let ids: Vec<EntryId> = batch.slots.iter().map(|slot| slot.entry.id).collect();
            self.forget(id, &ids, scene);
        }
        self.vanish(id, scene);
    }

    /// A replica is there no more. What it does not execute returns free of charge.
    pub(super) fn vanish(&mut self, id: u64, scene: &mut Scene) {
        let Some(Replica { running, .. }) = self.replicas.remove(&id) else { return };
        scene.note(Happened::Gone { pool: self.number, replica: id });
        let Some(running) = running else { return };
        let seat = running.desk.seat().id();
        let (unstarted, executing) = self.account.held(seat);
        self.seats.remove(&seat);
        drop(running);
        self.account.returned(&unstarted, false, scene);
        self.account.returned(&executing, true, scene);
        self.hear(scene);
    }

    /// It hands back what it has not started, finishes its batch and goes.
    pub(super) fn drain(&mut self, id: u64, scene: &mut Scene) {
        if self.stop_claiming(id, scene) {
            self.enter(self.plan.grace, PoolEvent::GraceEnds { replica: id }, scene);
        } else {
            self.vanish(id, scene);
        }
    }

    /// It hands back what it has not started, and claims nothing more. Whether it executes.
    fn stop_claiming(&mut self, id: u64, scene: &mut Scene) -> bool {
        let Some(replica) = self.replicas.get_mut(&id) else { return false };
        replica.is_leaving = true;
        let Some(running) = replica.running.as_mut() else { return false };
        let (unstarted, _) = self.account.held(running.desk.seat().id());
        running.desk.stop_claiming();
        running.remembered.clear();
        let executes = running.executing.is_some();
        self.account.returned(&unstarted, false, scene);
        self.hear(scene);
        executes
    }

    /// A draining replica that is still there is abandoned.
    pub(super) fn grace_ends(&mut self, id: u64, scene: &mut Scene) {
        if self.replicas.get(&id).is_some_and(|replica| replica.is_leaving) {
            scene.fell(Fault::StuckDrain);
            self.vanish(id, scene);
        }
    }

    /// A batch has had all of its time: its replica is given up. Its answers may come yet.
    pub(super) fn overdue(&mut self, id: u64, number: u64, scene: &mut Scene) {
        let running = self.replicas.get_mut(&id).and_then(|replica| replica.batch(number));
        let Some(batch) = running.and_then(|running| running.executing.as_ref()) else { return };
        let ids: Vec<EntryId> = batch.slots.iter().map(|slot| slot.entry.id).collect();
        let alone = at_fault(batch, ErrorCode::ReplicaHung);
        if !scene.falls(Fault::AnswerLate) {
            if let Some(alone) = alone {
                self.answer(id, alone, Err(ErrorCode::ReplicaHung), scene);
            }
            return self.crash(id, scene);
        }
        self.stop_claiming(id, scene);
        match alone {
            Some(alone) => self.answer(id, alone, Err(ErrorCode::ReplicaHung), scene),
            None => self.give_back(id, &ids, scene),
        }
        let after = scene.up_to(self.plan.patience);
        self.enter(after, PoolEvent::Late { replica: id }, scene);
    }

    /// A replica that was given up answers: nobody is to hear it.
    pub(super) fn late(&mut self, id: u64, scene: &mut Scene) {
        let Some(batch) = self.take_batch(id) else { return };
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        let Some(running) = &mut replica.running else { return };
        for slot in &batch.slots {
            let heard = running.desk.seat_mut().finish(slot.entry.id);
            let entry = slot.entry.job.ticket();
            scene.check(heard.is_none(), || format!("entry {entry} was answered too late"));
        }
        self.vanish(id, scene);
    }
}

/// The entry that has failed, if it is known.
fn at_fault(batch: &Batch, code: ErrorCode) -> Option<EntryId> {
    let [alone] = &batch.slots[..] else { return None };
    (alone.entry.suspect || code == ErrorCode::BackendFailed).then_some(alone.entry.id)
}
