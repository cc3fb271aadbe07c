//! A second account of a pool, kept from what it answers, which says when an answer is wrong.

mod checks;

use std::collections::BTreeMap;

use framegate_batcher::{Origin, PoolLimits, Removal, SeatId, SubmitError};
use tokio::time::Instant;

use super::{
    job::{End, Poison, Ticket},
    scene::Scene,
    trace::Happened,
};

/// Of whom each entry of a pool is, where it is, and how it ended.
#[derive(Debug)]
pub(super) struct Account {
    limits: PoolLimits,
    /// Entries that are in the pool, or have no outcome.
    items: BTreeMap<Ticket, Item>,
    is_closed: bool,
}

/// What somebody wants of a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) owner: Owner,
    pub(super) line: Line,
    pub(super) deadline: Option<Instant>,
    /// Its order, if only the newest of its camera is to wait.
    pub(super) latest: Option<u64>,
    pub(super) poison: Option<Poison>,
}

/// Who waits for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The call of this number.
    Call(u32),
    /// The ingest, which knows it by this number.
    Ingest(u64),
}

/// The entries that are to stay in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) camera: u32,
    pub(super) priority: u8,
}

#[derive(Debug)]
struct Item {
    wanted: Wanted,
    /// The ticket of the first of those whose place in the line it has.
    rank: Ticket,
    tries: u32,
    is_cancelled: bool,
    place: Place,
    outcome: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Queued,
    Claimed(SeatId),
    Executing(SeatId),
    Left,
}

impl Owner {
    pub(super) fn origin(self) -> Origin {
        match self {
            Self::Call(_) => Origin::Interactive,
            Self::Ingest(_) => Origin::Ingest,
        }
    }
}

impl Account {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self { limits, items: BTreeMap::new(), is_closed: false }
    }

    /// Nothing more is taken in.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// What is to come of it when this is submitted.
    pub(super) fn expects(&self, wanted: &Wanted, now: Instant) -> Result<(), SubmitError> {
        if self.is_closed {
            return Err(SubmitError::Closed);
        }
        if wanted.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(SubmitError::Expired);
        }
        if let Some((_, rival)) = self.rival(wanted) {
            let is_newer = rival.wanted.latest > wanted.latest;
            return if is_newer { Err(SubmitError::Superseded) } else { Ok(()) };
        }
        let (queued, limit) = (self.queued().count(), self.limits.max_queued);
        if queued >= limit {
            return Err(SubmitError::Full { queued, limit });
        }
        let of_ingest = |item: &&Item| item.wanted.owner.origin() == Origin::Ingest;
        let (queued, limit) =
            (self.queued().filter(of_ingest).count(), self.limits.max_queued_ingest);
        if wanted.owner.origin() == Origin::Ingest && queued >= limit {
            return Err(SubmitError::IngestShareFull { queued, limit });
        }
        Ok(())
    }

    /// It was taken in.
    pub(super) fn submitted(&mut self, ticket: Ticket, wanted: Wanted) {
        let rank = self.rival(&wanted).map_or(ticket, |(_, rival)| rival.rank);
        let item = Item {
            wanted,
            rank,
            tries: 0,
            is_cancelled: false,
            place: Place::Queued,
            outcome: None,
        };
        self.items.insert(ticket, item);
    }

    /// Its client has left. Whether it is in the pool.
    pub(super) fn cancelled(&mut self, ticket: Ticket) -> bool {
        self.items.get_mut(&ticket).is_some_and(|item| {
            item.is_cancelled = true;
            item.place != Place::Left
        })
    }

    /// A replica has claimed these, in this order. Returns those that were recalled, and from whom.
    pub(super) fn claimed(
        &mut self,
        (seat, replica): (SeatId, u64),
        tickets: &[Ticket],
        scene: &mut Scene,
    ) -> Vec<(SeatId, Ticket)> {
        let mut recalled = Vec::new();
        for &entry in tickets {
            scene.note(Happened::Claimed { entry, replica });
            match self.items.get(&entry).map(|item| item.place) {
                Some(Place::Queued) => self.check_order(entry, scene),
                Some(Place::Claimed(from)) => recalled.push((from, entry)),
                place => {
                    scene.check(false, || format!("entry {entry} was claimed while {place:?}"))
                }
            }
            self.put(entry, Place::Claimed(seat));
        }
        recalled
    }

    /// A replica executes these together; of each, whether it is said to be suspect.
    pub(super) fn started(&mut self, seat: SeatId, batch: &[(Ticket, bool)], scene: &mut Scene) {
        let most = self.limits.batch.max_batch_size;
        let entries = batch.len();
        scene.check(entries <= most, || format!("a batch of {entries}, and {most} may be"));
        for &(entry, suspect) in batch {
            let item = self.items.get(&entry);
            let held = item
                .is_some_and(|item| item.place == Place::Claimed(seat) && item.outcome.is_none());
            scene.check(held, || format!("entry {entry} is executed by who does not hold it"));
            let tries = item.map_or(0, |item| item.tries);
            scene
                .check(suspect == (tries > 0), || format!("entry {entry} was tried {tries} times"));
            scene.check(!suspect || entries == 1, || format!("suspect {entry} is not alone"));
            self.put(entry, Place::Executing(seat));
        }
    }

    /// A replica has ended it, and is to answer.
    pub(super) fn finished(&mut self, seat: SeatId, entry: Ticket, scene: &mut Scene) {
        let place = self.items.get(&entry).map(|item| item.place);
        let is_held = [Place::Claimed(seat), Place::Executing(seat)].map(Some).contains(&place);
        scene.check(is_held, || format!("entry {entry} was ended by who does not hold it"));
        self.put(entry, Place::Left);
    }

    /// Entries went back to the queue.
    pub(super) fn returned(&mut self, entries: &[Ticket], suspect: bool, scene: &mut Scene) {
        for &entry in entries {
            if let Some(item) = self.items.get_mut(&entry)
                && item.place != Place::Left
            {
                scene.note(Happened::Returned { entry, suspect });
                item.place = Place::Queued;
                item.tries += u32::from(suspect);
            }
        }
    }

    /// What a seat holds unstarted, and what it executes.
    pub(super) fn held(&self, seat: SeatId) -> (Vec<Ticket>, Vec<Ticket>) {
        let at = |place: Place| {
            let held = self.items.iter().filter(move |(_, item)| item.place == place);
            held.map(|(&ticket, _)| ticket).collect()
        };
        (at(Place::Claimed(seat)), at(Place::Executing(seat)))
    }

    /// What is wanted of an entry that executes.
    pub(super) fn executing(&self, ticket: Ticket) -> Option<Wanted> {
        let item = self.items.get(&ticket)?;
        matches!(item.place, Place::Executing(_)).then_some(item.wanted)
    }

    /// A job was told its end. Returns who waits for it, unless it had ended before.
    pub(super) fn told(&mut self, entry: Ticket, end: End, scene: &mut Scene) -> Option<Owner> {
        scene.note(match end {
            End::Served => Happened::Served { entry },
            End::Failed(code) => Happened::Failed { entry, code },
            End::Removed(why) => Happened::Removed { entry, why },
        });
        let before = self.items.get(&entry).map(|item| item.outcome);
        scene.check(before == Some(None), || match before.flatten() {
            Some(before) => format!("entry {entry} ended twice: {before:?}, then {end:?}"),
            None => format!("entry {entry} ended twice, the second time {end:?}"),
        });
        self.check_end(entry, end, scene);
        let item = self.items.get_mut(&entry)?;
        item.outcome = Some(end);
        let owner = item.wanted.owner;
        if matches!(end, End::Removed(_)) {
            item.place = Place::Left;
        }
        if item.place == Place::Left {
            self.items.remove(&entry);
        }
        (before == Some(None)).then_some(owner)
    }

    fn put(&mut self, entry: Ticket, place: Place) {
        if let Some(item) = self.items.get_mut(&entry) {
            item.place = place;
        }
    }

    fn queued(&self) -> impl Iterator<Item = &Item> {
        self.items.values().filter(|item| item.place == Place::Queued)
    }

    /// What waits of the same camera, if only the newest is to.
    fn rival(&self, wanted: &Wanted) -> Option<(&Ticket, &Item)> {
        wanted.latest?;
        self.items.iter().find(|(_, item)| {
            item.place == Place::Queued
                && item.wanted.line == wanted.line
                && item.wanted.latest.is_some()
        })
    }
}
