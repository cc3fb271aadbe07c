//! The ingest of a run. Offsets, verdicts, the gate and the hold-back are those that serve.

mod commits;
mod delivery;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use framegate_proto::ServeError;
use tokio::time::Instant;

use self::{
    commits::{Held, Order},
    delivery::Round,
};
use super::{
    account::{Line, Owner, Wanted},
    book::{Book, Place},
    job::{End, Poison},
    pool::Pool,
    scene::{Event, IngestEvent, Scene},
    trace::Happened,
};
use crate::ingest::{
    OutcomeKind,
    gate::Gate,
    hold_back::Shelves,
    outcome::{Tries, Verdict, judge},
    tracker::{Epoch, Partition, Tracker},
};

pub(super) struct Ingest {
    /// By number.
    partitions: Vec<Partition>,
    tracker: Tracker,
    gate: Gate,
    /// Which record of a partition is taken next; none while it is another gateway's.
    reading: Vec<Option<i64>>,
    /// Records taken, which gives each its order.
    taken: u64,
    /// Entries without an outcome that is acknowledged, by number.
    entries: BTreeMap<u64, Entry>,
    named: u64,
    is_stopping: bool,

    /// Ended entries that wait for a round.
    ready: Vec<u64>,
    /// Rounds on their way to the sinks, by number.
    rounds: BTreeMap<u64, Round>,
    begun: u64,

    /// Under `exactly_once`: ended entries that wait for their record's turn.
    shelves: Shelves<Held>,
    /// The commit that is under way.
    order: Option<Order>,
}

/// A record at a model.
#[derive(Debug, Clone, Copy)]
struct Entry {
    place: Place,
    model: usize,
    epoch: Epoch,
    tries: Tries,
    line: Line,
    deadline: Option<Instant>,
    latest: Option<u64>,
    poison: Option<Poison>,
}

impl Ingest {
    pub(super) fn begin(book: &Book, scene: &mut Scene) -> Self {
        let topic: Arc<str> = "cameras".into();
        let numbers = 0..scene.plan.records.len();
        let partition =
            |number: usize| Partition { topic: Arc::clone(&topic), number: number as i32 };
        let mut ingest = Self {
            partitions: numbers.clone().map(partition).collect(),
            tracker: Tracker::default(),
            gate: Gate::default(),
            reading: vec![None; numbers.len()],
            taken: 0,
            entries: BTreeMap::new(),
            named: 0,
            is_stopping: false,
            ready: Vec::new(),
            rounds: BTreeMap::new(),
            begun: 0,
            shelves: Shelves::default(),
            order: None,
        };
        numbers.for_each(|number| ingest.assign(number, book));
        ingest.enter(scene.plan.commit_interval, IngestEvent::Commit, scene);
        ingest
    }

    /// What was entered for now happens.
    pub(super) fn happen(
        &mut self,
        event: IngestEvent,
        (pools, book): (&mut [Pool], &mut Book),
        scene: &mut Scene,
    ) {
        match event {
            IngestEvent::Retry { entry } if self.is_stopping => {
                self.entries.remove(&entry);
            }
            IngestEvent::Retry { entry } => self.queue(entry, pools, scene),
            IngestEvent::Sunk { round } => self.sunk(round, book, scene),
            IngestEvent::Resend { round } => self.send(round, scene),
            IngestEvent::Commit => self.commit(scene),
            IngestEvent::CommitEnds => self.commit_ends(book, scene),
            IngestEvent::Assign { partition } => self.assign(partition, book),
        }
    }

    /// Takes records as long as there is room. Whether it took any.
    pub(super) fn take(&mut self, pools: &mut [Pool], book: &mut Book, scene: &mut Scene) -> bool {
        let before = self.taken;
        for partition in (0..self.partitions.len()).cycle() {
            let ready = (0..self.partitions.len()).any(|number| self.has_record(number, book));
            if self.is_stopping || !ready || self.is_full(pools, scene) {
                break;
            }
            if self.has_record(partition, book) {
                self.take_one(partition, pools, book, scene);
            }
        }
        let (waiting, most) = (self.tracker.waiting_in_all(), scene.plan.max_in_flight);
        scene.check(waiting <= most, || format!("{waiting} records in flight, and {most} may be"));
        self.taken > before
    }

    /// Takes nothing more, and tries nothing again.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.order.is_none()
    }

    /// An entry was answered by its pool, or refused.
    pub(super) fn answered(&mut self, number: u64, end: End, scene: &mut Scene) {
        let entry = self.entries.get_mut(&number);
        scene.check(entry.is_some(), || format!("entry {number} of the ingest ended twice"));
        let Some(entry) = entry else { return };
        let Some(code) = end.error() else {
            return self.ended(number, OutcomeKind::Delivered, scene);
        };
        entry.tries = entry.tries.after(code);
        let (tries, spread, deadline) = (entry.tries, (entry.place, entry.model), entry.deadline);
        let error = ServeError::new(code);
        match judge(&error, tries, &scene.plan.retries, self.is_stopping, spread) {
            Verdict::Drop(reason) => self.ended(number, OutcomeKind::Dropped(reason), scene),
            Verdict::DeadLetter => self.ended(number, OutcomeKind::DeadLettered(code), scene),
            Verdict::Retry(after) => {
                let left = deadline.map_or(after, |deadline| scene.until(deadline));
                self.enter(after.min(left), IngestEvent::Retry { entry: number }, scene);
            }
            Verdict::Abandon => {
                self.entries.remove(&number);
            }
        }
    }

    fn ended(&mut self, number: u64, outcome: OutcomeKind, scene: &mut Scene) {
        let Some(Entry { place, model, .. }) = self.entries.get(&number).copied() else { return };
        let Place { partition, offset } = place;
        scene.note(Happened::Ended { partition, offset, model, outcome });
        if scene.plan.exactly_once {
            self.hold(number);
        } else {
            self.ready.push(number);
            self.begin_round(scene);
        }
    }

    fn assign(&mut self, partition: usize, book: &Book) {
        self.tracker.assign(self.partitions[partition].clone());
        self.reading[partition] = Some(book.committed(partition));
    }

    fn has_record(&self, partition: usize, book: &Book) -> bool {
        self.reading[partition].is_some_and(|offset| book.has(Place { partition, offset }))
    }

    fn is_full(&mut self, pools: &[Pool], scene: &Scene) -> bool {
        let fills = pools.iter().map(Pool::ingest_fill);
        let share = if scene.plan.latest_only { 0.0 } else { fills.fold(0.0, f64::max) };
        let in_flight = self.tracker.waiting_in_all() as f64 / scene.plan.max_in_flight as f64;
        self.gate.decide(share, in_flight)
    }

    fn take_one(
        &mut self,
        partition: usize,
        pools: &mut [Pool],
        book: &mut Book,
        scene: &mut Scene,
    ) {
        let Some(offset) = self.reading[partition] else { return };
        let (place, name) = (Place { partition, offset }, &self.partitions[partition]);
        let Some(epoch) = self.tracker.take(name, offset, pools.len()) else { return };
        let Some(record) = book.take(place) else { return };
        scene.note(Happened::Taken { partition, offset });
        self.shelves.enter(name, epoch);
        self.reading[partition] = Some(offset + 1);
        self.taken += 1;
        let age = scene.now.saturating_sub(record.written);
        let left = scene.plan.max_frame_age.map(|most| most.saturating_sub(age));
        for model in 0..pools.len() {
            self.named += 1;
            let entry = Entry {
                place,
                model,
                epoch,
                tries: Tries::default(),
                line: record.line,
                deadline: left.map(|left| scene.instant() + left),
                latest: scene.plan.latest_only.then_some(self.taken),
                poison: record.poison,
            };
            self.entries.insert(self.named, entry);
            self.queue(self.named, pools, scene);
        }
    }

    fn queue(&mut self, number: u64, pools: &mut [Pool], scene: &mut Scene) {
        let Some(entry) = self.entries.get(&number) else { return };
        let Entry { model, line, deadline, latest, poison, .. } = *entry;
        let wanted = Wanted { owner: Owner::Ingest(number), line, deadline, latest, poison };
        if let Err(code) = pools[model].submit(wanted, scene) {
            self.answered(number, End::Failed(code), scene);
        }
    }

    fn enter(&self, after: Duration, event: IngestEvent, scene: &mut Scene) {
        scene.enter(after, Event::Ingest(event));
    }
}
