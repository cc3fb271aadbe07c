//! The bugs that are planted, each where a replica's worker would have it.

use framegate_batcher::{Charge, EntryId, Slot};

use super::{Pool, Scene, new_entry, replica::Running};
use crate::simulate::faults::{bug::Bug, job::FaultyJob};

pub(super) fn loses(scene: &Scene) -> bool {
    scene.bug == Some(Bug::LostOnCrash)
}

pub(super) fn returns_last(scene: &Scene) -> bool {
    scene.bug == Some(Bug::ReturnedLast)
}

/// Remembers what was claimed, for [`keep_recalled`].
pub(super) fn remember(running: &mut Running, claimed: &[(EntryId, FaultyJob)], scene: &Scene) {
    if scene.bug == Some(Bug::AnsweredAfterRecall) {
        running.remembered.extend_from_slice(claimed);
    }
}

/// What was recalled from a replica that does not care: it executes it all the same, without
/// asking its seat.
pub(super) fn keep_recalled(running: &mut Running) -> Vec<FaultyJob> {
    let seat = running.desk.seat();
    let recalled = running.remembered.extract_if(.., |(entry, _)| !seat.is_wanted(*entry));
    recalled.map(|(_, job)| job).filter(|job| !job.has_departed()).collect()
}

impl Pool {
    /// Ends what executes, and tells nobody.
    pub(super) fn forget(&mut self, id: u64, ids: &[EntryId], scene: &mut Scene) {
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        let Some(running) = &mut replica.running else { return };
        let seat = running.desk.seat().id();
        for job in ids.iter().filter_map(|entry| running.desk.seat_mut().finish(*entry)) {
            self.account.finished(seat, job.ticket(), scene);
        }
    }

    /// Queues anew what is to go back to its place.
    pub(super) fn resubmit(&mut self, id: u64, slots: &[Slot<FaultyJob, ()>], scene: &mut Scene) {
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        let Some(running) = &mut replica.running else { return };
        for slot in slots {
            let (entry, job) = (slot.entry.id, &slot.entry.job);
            let Some(wanted) = self.account.executing(job.ticket()) else { continue };
            let seat = running.desk.seat_mut();
            let suspect = match self.queue.submit(new_entry(job.clone(), &wanted)) {
                Ok(_) => {
                    let _ = seat.finish(entry);
                    false
                }
                Err(_) => {
                    seat.give_back(&[entry], Charge::Suspect);
                    true
                }
            };
            self.account.returned(&[job.ticket()], suspect, scene);
        }
        self.hear(scene);
    }
}
