//! What a replica has claimed and not started: it claims ahead, and forms batches of what is ready.

use tokio::time::Instant;

use crate::entry::{Claimed, EntryId, Job};
use crate::forming::{Forming, Verdict, verdict};
use crate::limits::BatchLimits;
use crate::replica_seat::ReplicaSeat;

/// A replica's desk at its seat. What makes an entry ready to be executed, `R`, is up to the replica.
pub struct Desk<J: Job, R> {
    seat: ReplicaSeat<J>,
    /// As they were at the last claim.
    limits: BatchLimits,
    /// In claim order.
    slots: Vec<Slot<J, R>>,
}

/// A claimed entry, from being claimed to being executed.
#[derive(Debug)]
pub struct Slot<J, R> {
    /// What was claimed.
    pub entry: Claimed<J>,
    /// What it is executed with; absent while it loads.
    pub ready: Option<R>,
}

/// What a replica does whose execution slot is free.
#[derive(Debug)]
pub enum Formed<J, R> {
    /// It executes these together: at least one, all of them ready and started.
    Batch(Vec<Slot<J, R>>),
    /// It asks again when something is ready, and at this instant at the latest.
    Until(Instant),
    /// It asks again when something is ready.
    Nothing,
}

impl<J: Job, R> Desk<J, R> {
    /// An empty one.
    pub fn new(seat: ReplicaSeat<J>) -> Self {
        Self { limits: seat.batch_limits(), seat, slots: Vec::new() }
    }

    /// Whose it is.
    pub fn seat(&self) -> &ReplicaSeat<J> {
        &self.seat
    }

    /// The same, to finish what was started, or to leave.
    pub fn seat_mut(&mut self) -> &mut ReplicaSeat<J> {
        &mut self.seat
    }

    /// Claims until there is no room, or nothing more for it. What came is to be made ready.
    #[must_use = "what is not made ready is never executed"]
    pub fn claim(&mut self) -> Vec<(EntryId, J)> {
        let (limits, claimed) = self.seat.claim_all();
        self.limits = limits;
        let mut all = Vec::with_capacity(claimed.len());
        for entry in claimed {
            all.push((entry.id, entry.job.clone()));
            // One that was recalled from here and claimed again starts over.
            self.forget(entry.id);
            self.slots.push(Slot { entry, ready: None });
        }
        all
    }

    /// The entry is ready, if it is still here.
    pub fn set_ready(&mut self, id: EntryId, ready: R) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.entry.id == id) {
            slot.ready = Some(ready);
        }
    }

    /// The entry is not to be executed here.
    pub fn forget(&mut self, id: EntryId) {
        self.slots.retain(|slot| slot.entry.id != id);
    }

    /// How many entries it holds that are not started, those that have left meanwhile among them.
    #[must_use]
    pub fn unstarted(&self) -> usize {
        self.slots.len()
    }

    /// Takes the next batch, if it is time.
    pub fn form(&mut self, now: Instant) -> Formed<J, R> {
        loop {
            self.forget_unwanted();
            match verdict(&self.forming(), &self.limits, now) {
                Verdict::Execute { take } => {
                    let batch = self.start(take);
                    if !batch.is_empty() {
                        return Formed::Batch(batch);
                    }
                }
                Verdict::WaitUntil(instant) => return Formed::Until(instant),
                Verdict::Wait => return Formed::Nothing,
            }
        }
    }

    /// Starts to drain: hands back what is not started, and claims nothing more.
    pub fn stop_claiming(&mut self) {
        self.seat.stop_claiming();
        self.slots.clear();
    }

    /// Forgets what was recalled, cancelled or has expired; only then the seat counts fewer entries
    /// than there are here.
    fn forget_unwanted(&mut self) {
        let Self { slots, seat, .. } = self;
        if !slots.is_empty() && slots.len() > seat.counts().0 {
            slots.retain(|slot| seat.is_wanted(slot.entry.id));
        }
    }

    fn forming(&self) -> Forming {
        let loading = self.slots.iter().filter(|slot| slot.ready.is_none()).count();
        let ready = self.slots.iter().filter(|slot| slot.ready.is_some());
        Forming::of(ready.map(|slot| &slot.entry), loading)
    }

    /// Starts the first `take` ready entries, but for those that were recalled or have left.
    fn start(&mut self, take: usize) -> Vec<Slot<J, R>> {
        let ready = self.slots.iter().filter(|slot| slot.ready.is_some());
        let chosen: Vec<EntryId> = ready.take(take).map(|slot| slot.entry.id).collect();
        let started = self.seat.start(&chosen);
        let taken = self.slots.extract_if(.., |slot| chosen.contains(&slot.entry.id));
        taken.filter(|slot| started.contains(&slot.entry.id)).collect()
    }
}
