//! The state of a pool: a plain machine that gets the time from outside and keeps what is to be
//! done outside (see [`Effects`]) until it is settled.
//!
//! Every entry is in exactly one [`Place`]; `relocate` and `take_out` are all that change it.

mod claiming;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use tokio::time::Instant;

use crate::effects::Effects;
use crate::entry::{EntryId, Job, NewEntry, Origin, PerOrigin, Removal};
use crate::limits::{BatchLimits, PoolLimits, PoolSnapshot, SubmitError, Turnover};
use crate::lines::{Lines, Rank, Rival};
use crate::seats::{SeatId, Seats};
use crate::service::ServiceTime;

/// All that a pool knows.
#[derive(Debug)]
pub(crate) struct State<J> {
    limits: PoolLimits,
    is_accepting: bool,
    /// The last instant that the state was told.
    now: Instant,

    /// All ongoing entries, by arrival; boxed, since the map moves what it holds.
    entries: BTreeMap<EntryId, Box<Entry<J>>>,
    next_entry: u64,
    /// The entries that are queued.
    lines: Lines,
    /// The entries that are claimed or executing.
    seats: Seats,
    next_claim: u64,
    service: ServiceTime,
    deadlines: BTreeSet<(Instant, EntryId)>,

    ongoing: PerOrigin,
    /// The integral of ongoing entries over time, in entry-seconds, until `now`.
    ongoing_area: f64,
    turnover: Turnover,
    /// Somebody is to be told when more than so many entries are ongoing.
    demand_mark: usize,

    /// What is to be done outside since the state was settled.
    effects: Effects<J>,
}

/// An ongoing entry.
#[derive(Debug)]
struct Entry<J> {
    submitted: NewEntry<J>,
    /// Where it stands in its line while it is queued.
    rank: Rank,
    enqueued_at: Instant,
    /// When it was last claimed; its submission, before that.
    claimed_at: Instant,
    is_suspect: bool,
    tries: u32,
    place: Place,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Queued,
    Claimed { by: SeatId, turn: u64 },
    Executing { by: SeatId },
}

impl<J: Job> State<J> {
    pub(crate) fn new(limits: PoolLimits, now: Instant) -> Self {
        Self {
            limits,
            is_accepting: true,
            now,
            entries: BTreeMap::new(),
            next_entry: 0,
            lines: Lines::default(),
            seats: Seats::default(),
            next_claim: 0,
            service: ServiceTime::default(),
            deadlines: BTreeSet::new(),
            ongoing: PerOrigin::default(),
            ongoing_area: 0.0,
            turnover: Turnover::default(),
            demand_mark: usize::MAX,
            effects: Effects::default(),
        }
    }

    /// Time passes: what is due leaves, so that no operation after this one sees it.
    pub(crate) fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.now);
        self.ongoing_area += self.entries.len() as f64 * passed.as_secs_f64();
        self.now = self.now.max(now);
        while let Some(&(due, id)) = self.deadlines.first()
            && due <= self.now
        {
            self.remove(id, Removal::Expired);
        }
    }

    /// Takes an entry in. It is only borrowed, so that the caller drops a refused one outside the lock.
    pub(crate) fn submit(&mut self, entry: &NewEntry<J>) -> Result<EntryId, SubmitError> {
        let replaced = self.admit(entry)?;
        let id = EntryId(self.next_entry);
        self.next_entry += 1;
        if let Some(deadline) = entry.deadline {
            self.deadlines.insert((deadline, id));
            self.effects.deadline_moved |= self.deadlines.first() == Some(&(deadline, id));
        }
        *self.ongoing.of_mut(entry.origin) += 1;
        let rank = replaced.and_then(|old| self.entries.get(&old)).map_or(id, |old| old.rank);
        self.lines.insert(id, rank, entry);
        let entry = Entry {
            submitted: entry.clone(),
            rank,
            enqueued_at: self.now,
            claimed_at: self.now,
            is_suspect: false,
            tries: 0,
            place: Place::Queued,
        };
        self.entries.insert(id, Box::new(entry));
        // Only now, so that its line keeps its turn and its origin is not told to be empty.
        if let Some(old) = replaced {
            self.remove(old, Removal::Superseded);
        }
        Ok(id)
    }

    /// Whether the entry may come in, and in whose place if not in one of its own.
    fn admit(&mut self, entry: &NewEntry<J>) -> Result<Option<EntryId>, SubmitError> {
        if !self.is_accepting {
            return Err(SubmitError::Closed);
        }
        if entry.deadline.is_some_and(|deadline| deadline <= self.now) {
            return Err(SubmitError::Expired);
        }
        match self.lines.rival(entry) {
            Some(Rival::Older(old)) => Ok(Some(old)),
            Some(Rival::Newer) => {
                self.turnover.shed += 1;
                Err(SubmitError::Superseded)
            }
            None => self.check_bounds(entry.origin).map(|()| None),
        }
    }

    fn check_bounds(&self, origin: Origin) -> Result<(), SubmitError> {
        let (queued, limit) = (self.lines.queued().total(), self.limits.max_queued);
        if queued >= limit {
            return Err(SubmitError::Full { queued, limit });
        }
        let (queued, limit) = (self.lines.queued().of(origin), self.limits.max_queued_ingest);
        if origin == Origin::Ingest && queued >= limit {
            return Err(SubmitError::IngestShareFull { queued, limit });
        }
        Ok(())
    }

    /// Removes an entry wherever it is. A seat that holds it is woken, since it has room now.
    pub(crate) fn remove(&mut self, id: EntryId, why: Removal) -> bool {
        let Some(entry) = self.take_out(id) else { return false };
        if let Some(seat) = entry.place.seat() {
            self.effects.bells.extend(self.seats.wake(seat));
            // The clock of a client that waits for it runs out a moment before ours.
            let has_given_up = why == Removal::Cancelled && self.is_late(&entry);
            if why == Removal::Expired || has_given_up {
                let after = self.now.saturating_duration_since(entry.claimed_at);
                self.service.ran_out(after, self.now);
            }
        }
        self.turnover.shed += u64::from(entry.is_shed_by(why));
        self.effects.removed.push((entry.submitted.job, why));
        true
    }

    /// Whether an entry has less time left than entries take.
    fn is_late(&self, entry: &Entry<J>) -> bool {
        let exceeds = |deadline| self.service.exceeds(entry.enqueued_at, deadline, self.now);
        entry.submitted.deadline.is_some_and(exceeds)
    }

    /// Removes the entries of an origin that no replica executes.
    pub(crate) fn discard_unstarted(&mut self, origin: Origin) -> usize {
        self.remove_all(Removal::Discarded, |entry| {
            entry.submitted.origin == origin && !matches!(entry.place, Place::Executing { .. })
        })
    }

    pub(crate) fn batch_limits(&self) -> BatchLimits {
        self.limits.batch
    }

    /// With larger batches, seats that were full have room and want to be woken.
    pub(crate) fn set_batch_limits(&mut self, batch: BatchLimits) {
        if batch.max_batch_size > self.limits.batch.max_batch_size {
            self.seats.set_all_asleep();
        }
        self.limits.batch = batch;
    }

    pub(crate) fn set_queue_limits(&mut self, max_queued: usize, max_queued_ingest: usize) {
        self.limits = PoolLimits { max_queued, max_queued_ingest, ..self.limits };
    }

    pub(crate) fn stop_accepting(&mut self) {
        self.is_accepting = false;
    }

    /// Takes nothing more in and removes what is left.
    pub(crate) fn close(&mut self) -> usize {
        self.stop_accepting();
        self.remove_all(Removal::Closed, |_| true)
    }

    fn remove_all(&mut self, why: Removal, applies: impl Fn(&Entry<J>) -> bool) -> usize {
        let chosen = self.entries.iter().filter(|(_, entry)| applies(entry));
        let ids: Vec<EntryId> = chosen.map(|(&id, _)| id).collect();
        ids.into_iter().filter(|&id| self.remove(id, why)).count()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    pub(crate) fn ongoing(&self, origin: Option<Origin>) -> usize {
        origin.map_or(self.ongoing.total(), |origin| self.ongoing.of(origin))
    }

    pub(crate) fn ongoing_area(&self) -> f64 {
        self.ongoing_area
    }

    pub(crate) fn turnover(&self) -> Turnover {
        self.turnover
    }

    /// Whether more than `mark` entries are ongoing; if not, `demand_rose` tells when they are.
    pub(crate) fn is_demand_above(&mut self, mark: usize) -> bool {
        let is_above = self.entries.len() > mark;
        if !is_above {
            self.demand_mark = self.demand_mark.min(mark);
        }
        is_above
    }

    pub(crate) fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            queued: self.lines.queued().total(),
            queued_ingest: self.lines.queued().of(Origin::Ingest),
            claimed: self.seats.unstarted(),
            executing: self.seats.executing(),
            ongoing: self.entries.len(),
            replicas: self.seats.len(),
            max_batch_size: self.limits.batch.max_batch_size,
        }
    }

    /// Whether an operation has changed anything since the last was settled.
    pub(crate) fn is_settled(&self) -> bool {
        self.effects.is_empty()
    }

    /// Ends an operation: what is to be done outside of the lock.
    ///
    /// No wake-up is lost: whatever changed, if a sleeping seat may now take something, one is
    /// woken here. It claims, which is an operation again and so wakes the next, until nothing is
    /// left that a sleeping seat may take. A seat that was woken but has not claimed yet does not
    /// count as sleeping, so further changes wake others.
    pub(crate) fn settle(&mut self) -> Effects<J> {
        let queued = self.lines.queued().total();
        if let Some(seat) = self.seats.to_wake(queued, self.limits.batch.max_batch_size) {
            self.effects.bells.extend(self.seats.wake(seat));
        }
        if self.entries.len() > self.demand_mark {
            self.demand_mark = usize::MAX;
            self.effects.demand_rose = true;
        }
        mem::take(&mut self.effects)
    }

    /// Moves an entry to another place.
    fn relocate(&mut self, id: EntryId, to: Place) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let from = mem::replace(&mut entry.place, to);
        from.remove(id, entry, &mut self.lines, &mut self.seats);
        to.insert(id, entry, &mut self.lines, &mut self.seats);
    }

    /// Takes an entry out of the pool: its place and its count are free.
    fn take_out(&mut self, id: EntryId) -> Option<Box<Entry<J>>> {
        let entry = self.entries.remove(&id)?;
        let submitted = &entry.submitted;
        entry.place.remove(id, &entry, &mut self.lines, &mut self.seats);
        if let Some(deadline) = submitted.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        *self.ongoing.of_mut(submitted.origin) -= 1;
        self.effects.emptied |= self.ongoing.of(submitted.origin) == 0;
        Some(entry)
    }
}

impl<J> Entry<J> {
    /// Whether overload is what removes it; see [`Turnover::shed`].
    fn is_shed_by(&self, why: Removal) -> bool {
        let waits = self.place == Place::Queued && self.submitted.origin == Origin::Ingest;
        why == Removal::Superseded || why == Removal::Expired && waits
    }
}

impl Place {
    /// The seat that holds the entry.
    fn seat(self) -> Option<SeatId> {
        match self {
            Self::Queued => None,
            Self::Claimed { by, .. } | Self::Executing { by } => Some(by),
        }
    }

    fn insert<J>(self, id: EntryId, entry: &Entry<J>, lines: &mut Lines, seats: &mut Seats) {
        match self {
            Self::Queued => lines.insert(id, entry.rank, &entry.submitted),
            Self::Claimed { by, turn } => {
                seats.hold(by, turn, id);
            }
            Self::Executing { by } => {
                seats.get_mut(by).map(|seat| seat.executing.insert(id));
            }
        }
    }

    fn remove<J>(self, id: EntryId, entry: &Entry<J>, lines: &mut Lines, seats: &mut Seats) {
        match self {
            Self::Queued => lines.remove(id, entry.rank, &entry.submitted),
            Self::Claimed { by, turn } => {
                seats.let_go(by, turn);
            }
            Self::Executing { by } => {
                seats.get_mut(by).map(|seat| seat.executing.remove(&id));
            }
        }
    }
}
