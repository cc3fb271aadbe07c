//! A second account of a pool, kept from its answers alone, which says when an answer is wrong.

mod submitting;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::*;
use crate::entry::Claimed;
use crate::lines::LOWER_CLASS_TURN;

pub(super) struct Model {
    pub state: State<Tag>,
    pub seats: Vec<KnownSeat>,
    limits: PoolLimits,
    now: Instant,
    live: BTreeMap<EntryId, Known>,
    gone: BTreeMap<EntryId, Fate>,
    /// Those that gave way in the last operation: something newer must wait now.
    gave_way: Vec<NewEntry<Tag>>,
    turnover: Turnover,
    /// Turns of the highest class since a lower one that waited had one.
    passed_over: u32,
    area: f64,
}

pub(super) struct KnownSeat {
    pub id: SeatId,
    bell: Arc<Notify>,
    is_stopping: bool,
    /// Its worker will claim: it was woken, or filled the room that it had for the moment.
    is_awake: bool,
    /// What it may hold unstarted: a batch, or what it held when batches became smaller.
    may_hold: usize,
}

struct Known {
    submitted: NewEntry<Tag>,
    /// The id of the first of those whose place it has.
    rank: EntryId,
    at: At,
    tries: u32,
    /// Turns that each other line of its class had since this one waits for its own.
    overtaken_by: BTreeMap<Arc<str>, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Queue,
    Unstarted(SeatId),
    Executing(SeatId),
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Finished,
    Removed(Removal),
}

impl Model {
    pub(super) fn new(limits: PoolLimits) -> Self {
        let now = Instant::now();
        Self {
            state: State::new(limits, now),
            seats: Vec::new(),
            limits,
            now,
            live: BTreeMap::new(),
            gone: BTreeMap::new(),
            gave_way: Vec::new(),
            turnover: Turnover::default(),
            passed_over: 0,
            area: 0.0,
        }
    }

    pub(super) fn known(&self) -> u64 {
        (self.live.len() + self.gone.len()) as u64
    }

    pub(super) fn held(&self, seat: SeatId, executing: bool) -> Vec<EntryId> {
        let at = if executing { At::Executing(seat) } else { At::Unstarted(seat) };
        self.live.iter().filter(|(_, known)| known.at == at).map(|(&id, _)| id).collect()
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.area += self.live.len() as f64 * time.as_secs_f64();
        self.now += time;
        self.step(|_| ());
        assert!((self.state.ongoing_area() - self.area).abs() < 1e-6);
    }

    pub(super) fn limit_batches(&mut self, max_batch_size: usize) {
        self.limits.batch.max_batch_size = max_batch_size;
        self.step(|state| state.set_batch_limits(BatchLimits { max_batch_size, ..limits().batch }));
    }

    pub(super) fn cancel(&mut self, id: EntryId) {
        let was_live = self.live.contains_key(&id);
        assert_eq!(self.step(|state| state.remove(id, Removal::Cancelled)), was_live);
        assert!(!self.live.contains_key(&id));
    }

    pub(super) fn discard(&mut self, origin: Origin) {
        self.step(|state| state.discard_unstarted(origin));
        let left = self.live.values().filter(|known| known.submitted.origin == origin);
        assert!(left.into_iter().all(|known| matches!(known.at, At::Executing(_))));
    }

    pub(super) fn register(&mut self) {
        let (id, bell) = self.state.register();
        self.seats.push(KnownSeat {
            id,
            bell,
            is_stopping: false,
            is_awake: false,
            may_hold: self.limits.batch.max_batch_size,
        });
        self.step(|_| ());
    }

    pub(super) fn leave(&mut self, index: usize) {
        let seat = self.seats.remove(index).id;
        self.step(|state| state.leave(seat));
        self.returned(&self.held(seat, false), Charge::Free);
        self.returned(&self.held(seat, true), Charge::Suspect);
    }

    pub(super) fn stop_claiming(&mut self, index: usize) {
        self.seats[index].is_stopping = true;
        let seat = self.seats[index].id;
        self.step(|state| state.stop_claiming(seat));
        self.returned(&self.held(seat, false), Charge::Free);
    }

    pub(super) fn start(&mut self, index: usize, count: usize) {
        let seat = self.seats[index].id;
        let ids: Vec<EntryId> = self.held(seat, false).into_iter().take(count).collect();
        // What it does not hold is passed over.
        let asked: Vec<EntryId> = ids.iter().copied().chain(self.not_held(seat)).collect();
        assert_eq!(self.step(|state| state.start(seat, &asked)), ids);
        for id in ids {
            self.live.get_mut(&id).unwrap().at = At::Executing(seat);
        }
    }

    pub(super) fn finish(&mut self, index: usize, id: EntryId) {
        let seat = self.seats[index].id;
        let is_held = self.live.get(&id).is_some_and(|known| known.at.seat() == Some(seat));
        assert_eq!(self.state.is_held(seat, id), is_held);
        let answer = self.step(|state| state.finish(seat, id));
        assert_eq!(answer, is_held.then_some(Tag(id.0)));
        if is_held {
            self.turnover.finished += 1;
            self.gone(id, Fate::Finished);
        }
    }

    pub(super) fn give_back(&mut self, index: usize, executing: bool, charge: Charge) {
        let seat = self.seats[index].id;
        let ids = self.held(seat, executing);
        let asked: Vec<EntryId> = ids.iter().copied().chain(self.not_held(seat)).collect();
        self.step(|state| state.give_back(seat, &asked, charge));
        self.returned(&ids, charge);
    }

    /// A worker with so much room claims. If that fills it, it claims again when it has room.
    pub(super) fn claim(&mut self, index: usize, room: usize) {
        let claimed = self.claim_once(index, room);
        self.seats[index].is_awake |= claimed == room;
    }

    fn claim_once(&mut self, index: usize, room: usize) -> usize {
        let KnownSeat { id: seat, is_stopping, .. } = self.seats[index];
        self.seats[index].is_awake = false; // before the claim, which may ring for itself
        let was_idle = self.state.counts(seat) == (0, 0);
        let claimed = self.step(|state| state.claim(seat, room));
        assert!(claimed.len() <= room && (!is_stopping || claimed.is_empty()));
        for entry in &claimed {
            let was_queued = self.live[&entry.id].at == At::Queue;
            assert!(was_queued || was_idle && self.queued() == 0, "recalled for nothing");
            self.claimed(seat, entry);
        }
        if room > 0 {
            self.assert_not_idle_for_nothing(index);
        }
        claimed.len()
    }

    /// A worker claims all that there is for it. If that fills it, it claims again when it has room.
    pub(super) fn claim_all(&mut self, index: usize) {
        let KnownSeat { id: seat, is_stopping, .. } = self.seats[index];
        self.seats[index].is_awake = false; // before the claim, which may ring for itself
        let was_idle = self.state.counts(seat) == (0, 0);
        let (limits, claimed) = self.step(|state| state.claim_all(seat));
        assert!(limits == self.limits.batch && (!is_stopping || claimed.is_empty()));
        for entry in &claimed {
            let was_queued = self.live[&entry.id].at == At::Queue;
            assert!(was_queued || was_idle && self.queued() == 0, "recalled for nothing");
            self.claimed(seat, entry);
        }
        let (unstarted, _) = self.state.counts(seat);
        let room = limits.max_batch_size.saturating_sub(unstarted);
        assert!(self.step(|state| state.claim(seat, room)).is_empty(), "there was more");
        self.seats[index].is_awake |= room == 0;
    }

    /// Lets every worker that is awake claim until all sleep: then none may sleep beside work.
    pub(super) fn come_to_rest(&mut self) {
        let mut claims = 0;
        while let Some(index) = self.seats.iter().position(|seat| seat.is_awake) {
            let (unstarted, _) = self.state.counts(self.seats[index].id);
            let room = self.limits.batch.max_batch_size.saturating_sub(unstarted);
            self.claim_once(index, room);
            claims += 1;
            assert!(claims < 1000, "the seats keep waking each other");
        }
        let queued = self.queued();
        let sharing = || self.seats.iter().filter(|seat| !seat.is_stopping);
        let level = (queued + self.state.snapshot().claimed).div_ceil(sharing().count().max(1));
        for seat in sharing() {
            let (unstarted, _) = self.state.counts(seat.id);
            let may_take = queued > 0 && unstarted < level.min(self.limits.batch.max_batch_size);
            assert!(!may_take, "a seat sleeps beside {queued} queued entries with {unstarted}");
        }
        for index in 0..self.seats.len() {
            self.assert_not_idle_for_nothing(index);
        }
    }

    /// Ends the life of the pool: every entry has exactly one fate, and nothing is left behind.
    pub(super) fn end(mut self) {
        let left = self.live.len();
        assert_eq!(self.step(State::close), left);
        assert!(self.live.is_empty());
        while !self.seats.is_empty() {
            self.leave(0);
        }
        let State { entries, deadlines, lines, ongoing, .. } = &self.state;
        assert!(entries.is_empty() && deadlines.is_empty() && lines.queued().total() == 0);
        assert_eq!((ongoing.total(), lines.queued().total()), (0, 0));
    }

    /// After every operation: the counts of the pool are those of this account.
    pub(super) fn check(&mut self) {
        for entry in std::mem::take(&mut self.gave_way) {
            let waiting = self.waiting_in_stead_of(&entry);
            assert!(waiting.is_some(), "{:?} gave way to nothing", entry.job);
        }
        for known in self.live.values() {
            self.waiting_in_stead_of(&known.submitted);
        }
        assert_eq!(self.state.turnover(), self.turnover);
        let count = |wanted: fn(&Known) -> bool| self.live.values().filter(|k| wanted(k)).count();
        let counts = self.state.snapshot();
        assert_eq!(counts.queued, count(|known| known.at == At::Queue));
        assert_eq!(counts.claimed, count(|known| matches!(known.at, At::Unstarted(_))));
        assert_eq!(counts.executing, count(|known| matches!(known.at, At::Executing(_))));
        assert_eq!(counts.ongoing, self.live.len());
        assert_eq!(counts.replicas, self.seats.len());
        for origin in [Origin::Interactive, Origin::Ingest] {
            let known = self.live.values().filter(|known| known.submitted.origin == origin);
            assert_eq!(self.state.ongoing(Some(origin)), known.count());
        }
        for index in 0..self.seats.len() {
            let (id, may_hold) = (self.seats[index].id, self.seats[index].may_hold);
            let held = (self.held(id, false).len(), self.held(id, true).len());
            assert_eq!(self.state.counts(id), held);
            assert!(held.0 <= may_hold.max(self.limits.batch.max_batch_size));
            self.seats[index].may_hold = held.0;
        }
        let due = |known: &Known| known.submitted.deadline.is_some_and(|due| due <= self.now);
        assert!(!self.live.values().any(due), "an entry outlived its deadline");
    }

    /// One operation as the shell does it, and its consequences.
    fn step<T>(&mut self, operation: impl FnOnce(&mut State<Tag>) -> T) -> T {
        self.state.advance(self.now);
        let answer = operation(&mut self.state);
        let effects = self.state.settle();
        for (tag, why) in effects.removed {
            self.gone(EntryId(tag.0), Fate::Removed(why));
        }
        for (_, bell) in effects.bells {
            for seat in self.seats.iter_mut().filter(|seat| Arc::ptr_eq(&seat.bell, &bell)) {
                seat.is_awake = true;
            }
        }
        answer
    }

    fn gone(&mut self, id: EntryId, fate: Fate) {
        let known = self.live.remove(&id);
        assert!(known.is_some(), "{id} left again, now {fate:?}, before {:?}", self.gone.get(&id));
        let left = known.as_ref().and_then(|known| known.left(self.now));
        let waited = known.as_ref().is_some_and(|known| known.at == At::Queue);
        let is_ingest =
            known.as_ref().is_some_and(|known| known.submitted.origin == Origin::Ingest);
        if fate == Fate::Removed(Removal::Superseded) {
            self.turnover.shed += 1;
            self.gave_way.extend(known.as_ref().map(|known| known.submitted.clone()));
        }
        if fate == Fate::Removed(Removal::Expired) {
            // What is due, or what still waits and could not be finished in time.
            assert!(left == Some(Duration::ZERO) || waited && left.is_some(), "{id} had {left:?}");
            self.turnover.shed += u64::from(waited && is_ingest);
        } else {
            assert_ne!(left, Some(Duration::ZERO), "{id} should have expired");
        }
        self.gone.insert(id, fate);
    }

    fn returned(&mut self, ids: &[EntryId], charge: Charge) {
        for id in ids {
            // What gave way to a newer one has left.
            let Some(known) = self.live.get_mut(id) else { continue };
            known.at = At::Queue;
            known.tries += u32::from(charge == Charge::Suspect);
            known.overtaken_by.clear();
        }
    }

    fn claimed(&mut self, seat: SeatId, entry: &Claimed<Tag>) {
        let known = &self.live[&entry.id];
        assert_eq!((entry.tries, entry.suspect), (known.tries, known.tries > 0));
        assert_eq!((entry.job, entry.claimed_at), (Tag(entry.id.0), self.now));
        match known.at {
            At::Queue => self.check_order(entry.id),
            At::Unstarted(from) => assert_ne!(from, seat, "claimed twice"),
            At::Executing(_) => panic!("claimed while executing"),
        }
        self.live.get_mut(&entry.id).unwrap().at = At::Unstarted(seat);
    }

    /// An entry leaves the queue for a claim: was it its turn?
    fn check_order(&mut self, id: EntryId) {
        let NewEntry { priority, fairness_key: key, .. } = self.live[&id].submitted.clone();
        let waiting = || self.live.iter().filter(|(_, known)| known.at == At::Queue);
        let line = waiting().filter(|(_, known)| known.submitted.is_in(priority, &key));
        let first = line.min_by_key(|(_, known)| known.rank).map(|(&first, _)| first);
        assert_eq!(first, Some(id), "not the first of its line");

        let highest = waiting().map(|(_, known)| known.submitted.priority).max();
        let lowest = waiting().map(|(_, known)| known.submitted.priority).min();
        if highest != lowest {
            self.passed_over += 1;
            let is_lower_turn = self.passed_over == LOWER_CLASS_TURN;
            assert_eq!(Some(priority) < highest, is_lower_turn, "not this class's turn");
            self.passed_over %= LOWER_CLASS_TURN;
        }

        for known in self.live.values_mut().filter(|known| known.at == At::Queue) {
            if known.submitted.is_in(priority, &key) {
                known.overtaken_by.clear();
            } else if known.submitted.priority == priority {
                let turns = known.overtaken_by.entry(Arc::clone(&key)).or_default();
                *turns += 1;
                assert!(*turns <= 1, "a line had two turns while another waited");
            }
        }
    }

    fn assert_not_idle_for_nothing(&self, index: usize) {
        let seat = &self.seats[index];
        if seat.is_stopping || self.state.counts(seat.id) != (0, 0) {
            return;
        }
        assert_eq!(self.queued(), 0, "a seat idles beside the queue");
        let most = self.seats.iter().map(|other| self.state.counts(other.id).0).max();
        assert!(most <= Some(1), "a seat idles while another holds {most:?} unstarted");
    }

    fn queued(&self) -> usize {
        self.live.values().filter(|known| known.at == At::Queue).count()
    }

    fn not_held(&self, seat: SeatId) -> impl Iterator<Item = EntryId> {
        let others = self.live.iter().filter(move |(_, known)| known.at.seat() != Some(seat));
        others.map(|(&id, _)| id).chain(self.gone.keys().copied()).take(3)
    }
}

impl Known {
    /// How much time it has left.
    fn left(&self, now: Instant) -> Option<Duration> {
        Some(self.submitted.deadline?.saturating_duration_since(now))
    }
}

impl At {
    fn seat(self) -> Option<SeatId> {
        match self {
            Self::Queue => None,
            Self::Unstarted(seat) | Self::Executing(seat) => Some(seat),
        }
    }
}

impl NewEntry<Tag> {
    fn is_in(&self, priority: Priority, key: &str) -> bool {
        self.priority == priority && &*self.fairness_key == key
    }
}
