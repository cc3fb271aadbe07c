//! The seats of a pool's replicas: what each holds, what each may take, and whom to wake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::entry::EntryId;
use crate::shares::{Shares, recallable};

/// Names a seat of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeatId(u64);

/// A replica's place at the pool.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Claimed entries that were not started, by the turn in which they were claimed.
    pub unstarted: BTreeMap<u64, EntryId>,
    /// Entries in a batch.
    pub executing: BTreeSet<EntryId>,
    /// It finishes what it executes and takes nothing more.
    is_stopping: bool,
    /// It may have room and does not look again by itself: wake it when there is something for it.
    is_asleep: bool,
    bell: Arc<Notify>,
}

/// The seats that are taken.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    seats: BTreeMap<SeatId, Seat>,
    next_seat: u64,
}

/// What a seat may take now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// So many from the queue.
    Claim(usize),
    /// The last of these unstarted entries of another seat.
    Recall { from: SeatId, count: usize },
    /// Nothing.
    Nothing,
}

impl Seat {
    fn is_idle(&self) -> bool {
        self.unstarted.is_empty() && self.executing.is_empty()
    }

    /// How busy it is: what it holds unstarted first, since that is what it would have to share.
    fn load(&self) -> (usize, usize) {
        (self.unstarted.len(), self.executing.len())
    }
}

impl Seats {
    /// A new seat sleeps, so that it is woken at once if there is something for it.
    pub(crate) fn add(&mut self) -> (SeatId, Arc<Notify>) {
        let id = SeatId(self.next_seat);
        self.next_seat += 1;
        let bell = Arc::new(Notify::new());
        let seat = Seat {
            unstarted: BTreeMap::new(),
            executing: BTreeSet::new(),
            is_stopping: false,
            is_asleep: true,
            bell: Arc::clone(&bell),
        };
        self.seats.insert(id, seat);
        (id, bell)
    }

    pub(crate) fn remove(&mut self, id: SeatId) {
        self.seats.remove(&id);
    }

    pub(crate) fn get(&self, id: SeatId) -> Option<&Seat> {
        self.seats.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: SeatId) -> Option<&mut Seat> {
        self.seats.get_mut(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn unstarted(&self) -> usize {
        self.seats.values().map(|seat| seat.unstarted.len()).sum()
    }

    pub(crate) fn executing(&self) -> usize {
        self.seats.values().map(|seat| seat.executing.len()).sum()
    }

    pub(crate) fn stop(&mut self, id: SeatId) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.is_stopping = true;
        }
    }

    /// The seat claimed or gave room. With room it sleeps; a full one does not want to be woken.
    pub(crate) fn set_asleep(&mut self, id: SeatId, has_room: bool) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.is_asleep = has_room;
        }
    }

    /// The bell of a seat that is to look again, which so is awake.
    pub(crate) fn wake(&mut self, id: SeatId) -> Option<Arc<Notify>> {
        let seat = self.seats.get_mut(&id)?;
        seat.is_asleep = false;
        Some(Arc::clone(&seat.bell))
    }

    /// The sleeping seat that has most need of what there is.
    ///
    /// The least loaded decides for all: whoever holds more may take less, and only an idle one recalls.
    pub(crate) fn to_wake(&self, queued: usize, max_batch_size: usize) -> Option<SeatId> {
        let sleeping = self.sharing().filter(|(_, seat)| seat.is_asleep);
        let (id, _) = sleeping.min_by_key(|(_, seat)| seat.load())?;
        (self.offer(id, queued, max_batch_size) != Offer::Nothing).then_some(id)
    }

    /// What the seat may take: from the queue, or, if that is empty and the seat idle, from the
    /// seat with the largest unstarted claim.
    pub(crate) fn offer(&self, id: SeatId, queued: usize, max_batch_size: usize) -> Offer {
        let Some(seat) = self.seats.get(&id).filter(|seat| !seat.is_stopping) else {
            return Offer::Nothing;
        };
        if queued > 0 {
            let unstarted = self.unstarted();
            let replicas = self.sharing().count();
            let shares = Shares { queued, unstarted, replicas, max_batch_size };
            return Offer::new(shares.claimable(seat.unstarted.len()), Offer::Claim);
        }
        match self.sharing().max_by_key(|(_, other)| other.load()) {
            Some((from, holder)) if seat.is_idle() => {
                let count = recallable(holder.unstarted.len(), !holder.executing.is_empty());
                Offer::new(count, |count| Offer::Recall { from, count })
            }
            _ => Offer::Nothing,
        }
    }

    /// The seats among which the work is shared.
    fn sharing(&self) -> impl Iterator<Item = (SeatId, &Seat)> {
        self.seats.iter().filter(|(_, seat)| !seat.is_stopping).map(|(&id, seat)| (id, seat))
    }
}

impl Offer {
    fn new(count: usize, offer: impl FnOnce(usize) -> Self) -> Self {
        if count == 0 { Self::Nothing } else { offer(count) }
    }
}
