//! What replicas do with entries: claim, start, finish, give back, leave.
//!
//! Whatever gives a seat room again (a start, a finish, a return) counts it as sleeping, so that
//! it is woken for what waits even if its claim before was a full one.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{Place, State};
use crate::entry::{Charge, Claimed, EntryId, Job, Removal};
use crate::limits::BatchLimits;
use crate::lines::Rival;
use crate::seats::{Offer, SeatId};

impl<J: Job> State<J> {
    pub(crate) fn register(&mut self) -> (SeatId, Arc<Notify>) {
        self.seats.add()
    }

    /// What the seat takes of its offer, at most `room`, in the order in which it is to be executed.
    pub(crate) fn claim(&mut self, seat: SeatId, room: usize) -> Vec<Claimed<J>> {
        self.expire_what_is_in_vain();
        let queued = self.lines.queued().total();
        let claimed = match self.seats.offer(seat, queued, self.limits.batch.max_batch_size) {
            Offer::Claim(count) => self.claim_queued(seat, count.min(room)),
            Offer::Recall { from, count } => self.recall(from, seat, count.min(room)),
            Offer::Nothing => Vec::new(),
        };
        self.seats.set_asleep(seat, claimed.len() < room);
        claimed
    }

    /// Claims as long as something comes, which is then more than its first share only where the
    /// others have no room for theirs.
    pub(crate) fn claim_all(&mut self, seat: SeatId) -> (BatchLimits, Vec<Claimed<J>>) {
        let limits = self.limits.batch;
        let mut all = Vec::new();
        loop {
            let (unstarted, _) = self.counts(seat);
            let claimed = self.claim(seat, limits.max_batch_size.saturating_sub(unstarted));
            if claimed.is_empty() {
                return (limits, all);
            }
            all.extend(claimed);
        }
    }

    fn claim_queued(&mut self, seat: SeatId, count: usize) -> Vec<Claimed<J>> {
        let mut claimed = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(id) = self.lines.take_turn() else { break };
            claimed.extend(self.hold(seat, id));
        }
        claimed
    }

    /// Removes what waits and would expire before it could be finished.
    fn expire_what_is_in_vain(&mut self) {
        let Some(horizon) = self.service.horizon(self.now) else { return };
        let near = self.deadlines.range(..(horizon, EntryId(0)));
        let in_vain = near.filter(|&&(_, id)| {
            let entry = self.entries.get(&id);
            entry.is_some_and(|entry| entry.place == Place::Queued && self.is_late(entry))
        });
        for id in in_vain.map(|&(_, id)| id).collect::<Vec<_>>() {
            self.remove(id, Removal::Expired);
        }
    }

    /// Moves the last claimed entries of a seat to another one. They keep their order, and the
    /// seat that loses them is woken, since it has room now.
    fn recall(&mut self, from: SeatId, to: SeatId, count: usize) -> Vec<Claimed<J>> {
        let Some(holder) = self.seats.get(from) else { return Vec::new() };
        let first = holder.unstarted.len().saturating_sub(count);
        let ids: Vec<EntryId> = holder.unstarted.values().copied().skip(first).collect();
        self.effects.bells.extend(self.seats.wake(from));
        ids.into_iter().filter_map(|id| self.hold(to, id)).collect()
    }

    fn hold(&mut self, seat: SeatId, id: EntryId) -> Option<Claimed<J>> {
        let turn = self.next_claim;
        self.next_claim += 1;
        self.relocate(id, Place::Claimed { by: seat, turn });
        let entry = self.entries.get_mut(&id)?;
        entry.claimed_at = self.now;
        Some(Claimed {
            id,
            job: entry.submitted.job.clone(),
            suspect: entry.is_suspect,
            tries: entry.tries,
            enqueued_at: entry.enqueued_at,
            claimed_at: self.now,
        })
    }

    pub(crate) fn is_held(&self, seat: SeatId, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.place.seat() == Some(seat))
    }

    /// Marks as executing what the seat still holds unstarted of `ids`, and returns it in their order.
    pub(crate) fn start(&mut self, seat: SeatId, ids: &[EntryId]) -> Vec<EntryId> {
        let mut started = Vec::with_capacity(ids.len());
        for &id in ids {
            let place = self.entries.get(&id).map(|entry| entry.place);
            if matches!(place, Some(Place::Claimed { by, .. }) if by == seat) {
                self.relocate(id, Place::Executing { by: seat });
                started.push(id);
            }
        }
        self.seats.set_asleep(seat, true);
        started
    }

    pub(crate) fn finish(&mut self, seat: SeatId, id: EntryId) -> Option<J> {
        if !self.is_held(seat, id) {
            return None;
        }
        self.seats.set_asleep(seat, true);
        let entry = self.take_out(id)?;
        let took = self.now.saturating_duration_since(entry.claimed_at);
        self.service.finished(took, self.now);
        self.turnover.finished += 1;
        Some(entry.submitted.job)
    }

    pub(crate) fn give_back(&mut self, seat: SeatId, ids: &[EntryId], charge: Charge) {
        for &id in ids {
            if self.is_held(seat, id) {
                self.give_one_back(id, charge);
            }
        }
        self.seats.set_asleep(seat, true);
    }

    fn give_one_back(&mut self, id: EntryId, charge: Charge) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if charge == Charge::Suspect {
            entry.is_suspect = true;
            entry.tries += 1;
        }
        let rival = self.lines.rival(&entry.submitted);
        if rival == Some(Rival::Newer) {
            self.remove(id, Removal::Superseded);
            return;
        }
        self.relocate(id, Place::Queued);
        // After the return, so that the line keeps its turn.
        if let Some(Rival::Older(old)) = rival {
            self.remove(old, Removal::Superseded);
        }
    }

    /// The seat hands back what it has not started, and takes nothing more.
    pub(crate) fn stop_claiming(&mut self, seat: SeatId) {
        let (unstarted, _) = self.held(seat);
        self.give_back(seat, &unstarted, Charge::Free);
        self.seats.stop(seat);
    }

    /// The seat is gone. Whatever it executes did not end well.
    pub(crate) fn leave(&mut self, seat: SeatId) {
        let (unstarted, executing) = self.held(seat);
        self.give_back(seat, &unstarted, Charge::Free);
        self.give_back(seat, &executing, Charge::Suspect);
        self.seats.remove(seat);
    }

    /// How many entries the seat holds: unstarted, executing.
    pub(crate) fn counts(&self, seat: SeatId) -> (usize, usize) {
        self.seats.get(seat).map_or((0, 0), |seat| (seat.unstarted.len(), seat.executing.len()))
    }

    fn held(&self, seat: SeatId) -> (Vec<EntryId>, Vec<EntryId>) {
        let Some(seat) = self.seats.get(seat) else { return (Vec::new(), Vec::new()) };
        (seat.unstarted.values().copied().collect(), seat.executing.iter().copied().collect())
    }
}
