//! The seats of a pool's replicas: what each holds, what each may take, and whom to wake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::entry::EntryId;
use crate::shares::{Shares, recallable};

/// Names a seat of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatId(u64);

/// A replica's place at the pool.
#[derive(Debug)]
pub(crate) struct Seat {
    id: SeatId,
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
    /// In the order of their ids. There are few, and all are looked at again and again.
    seats: Vec<Seat>,
    next_seat: u64,
    /// What all of them hold unstarted.
    unstarted: usize,
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
    fn load(&self) -> u64 {
        (self.unstarted.len() as u64) << 32 | self.executing.len() as u64
    }
}

impl Seats {
    /// A new seat sleeps, so that it is woken at once if there is something for it.
    pub(crate) fn add(&mut self) -> (SeatId, Arc<Notify>) {
        let id = SeatId(self.next_seat);
        self.next_seat += 1;
        let bell = Arc::new(Notify::new());
        let seat = Seat {
            id,
            unstarted: BTreeMap::new(),
            executing: BTreeSet::new(),
            is_stopping: false,
            is_asleep: true,
            bell: Arc::clone(&bell),
        };
        self.seats.push(seat);
        (id, bell)
    }

    pub(crate) fn remove(&mut self, id: SeatId) {
        self.seats.retain(|seat| seat.id != id);
    }

    pub(crate) fn get(&self, id: SeatId) -> Option<&Seat> {
        self.place(id).map(|place| &self.seats[place])
    }

    pub(crate) fn get_mut(&mut self, id: SeatId) -> Option<&mut Seat> {
        self.place(id).map(|place| &mut self.seats[place])
    }

    fn place(&self, id: SeatId) -> Option<usize> {
        self.seats.binary_search_by_key(&id, |seat| seat.id).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// The seat holds an entry that it has not started.
    pub(crate) fn hold(&mut self, id: SeatId, turn: u64, entry: EntryId) {
        let before = self.get_mut(id).map(|seat| seat.unstarted.insert(turn, entry));
        self.unstarted += usize::from(before == Some(None));
    }

    /// It does not any more.
    pub(crate) fn let_go(&mut self, id: SeatId, turn: u64) {
        let held = self.get_mut(id).and_then(|seat| seat.unstarted.remove(&turn));
        self.unstarted -= usize::from(held.is_some());
    }

    pub(crate) fn unstarted(&self) -> usize {
        self.unstarted
    }

    pub(crate) fn executing(&self) -> usize {
        self.seats.iter().map(|seat| seat.executing.len()).sum()
    }

    pub(crate) fn stop(&mut self, id: SeatId) {
        if let Some(seat) = self.get_mut(id) {
            seat.is_stopping = true;
        }
    }

    /// The seat claimed or gave room. With room it sleeps; a full one does not want to be woken.
    pub(crate) fn set_asleep(&mut self, id: SeatId, has_room: bool) {
        if let Some(seat) = self.get_mut(id) {
            seat.is_asleep = has_room;
        }
    }

    /// Whoever was full may have room now.
    pub(crate) fn set_all_asleep(&mut self) {
        self.seats.iter_mut().for_each(|seat| seat.is_asleep = true);
    }

    /// A seat that is to look again, which so is awake, and its bell.
    pub(crate) fn wake(&mut self, id: SeatId) -> Option<(SeatId, Arc<Notify>)> {
        let seat = self.get_mut(id)?;
        seat.is_asleep = false;
        Some((id, Arc::clone(&seat.bell)))
    }

    /// The sleeping seat that has most need of what there is.
    ///
    /// The least loaded decides for all: whoever holds more may take less, and only an idle one recalls.
    pub(crate) fn to_wake(&self, queued: usize, max_batch_size: usize) -> Option<SeatId> {
        if queued == 0 && self.unstarted == 0 {
            return None;
        }
        let mut least: Option<&Seat> = None;
        for seat in self.sharing().filter(|seat| seat.is_asleep) {
            if least.is_none_or(|least| seat.load() < least.load()) {
                least = Some(seat);
            }
        }
        let id = least?.id;
        (self.offer(id, queued, max_batch_size) != Offer::Nothing).then_some(id)
    }

    /// What the seat may take: from the queue, or, if that is empty and the seat idle, from the
    /// seat with the largest unstarted claim.
    pub(crate) fn offer(&self, id: SeatId, queued: usize, max_batch_size: usize) -> Offer {
        let Some(seat) = self.get(id).filter(|seat| !seat.is_stopping) else {
            return Offer::Nothing;
        };
        if queued > 0 {
            let unstarted = self.unstarted();
            let replicas = self.sharing().count();
            let shares = Shares { queued, unstarted, replicas, max_batch_size };
            return Offer::new(shares.claimable(seat.unstarted.len()), Offer::Claim);
        }
        if !seat.is_idle() || self.unstarted == 0 {
            return Offer::Nothing;
        }
        let mut most = seat;
        for other in self.sharing() {
            if other.load() >= most.load() {
                most = other;
            }
        }
        let count = recallable(most.unstarted.len(), !most.executing.is_empty());
        Offer::new(count, |count| Offer::Recall { from: most.id, count })
    }

    /// The seats among which the work is shared.
    fn sharing(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| !seat.is_stopping)
    }
}

impl Offer {
    fn new(count: usize, offer: impl FnOnce(usize) -> Self) -> Self {
        if count == 0 { Self::Nothing } else { offer(count) }
    }
}
