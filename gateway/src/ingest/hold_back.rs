//! Ended entries under `delivery: exactly_once`: they wait here until their record enters the
//! contiguous prefix, and leave with the offsets of one transaction.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    delivery::Ended,
    entry::{Source, TakenRecord},
    in_flight::{HeldBytes, InFlight},
    tracker::{Epoch, Partition},
};

/// What waits, by partition, stay and offset. Pure.
///
/// Everything is of the present stay of its partition: what comes for an earlier one is refused,
/// and what an earlier one left behind goes with it.
#[derive(Debug)]
pub struct Shelves<T> {
    stays: HashMap<Partition, Stay<T>>,
}

#[derive(Debug)]
struct Stay<T> {
    epoch: Epoch,
    /// By offset; several of a record, one of each model.
    held: BTreeMap<i64, Vec<T>>,
}

/// The shelves of a rule. They hold records in flight, and add the bytes of the results to theirs:
/// a full hold-back pauses the partitions as any other fullness does.
pub struct HoldBack {
    shelves: Mutex<Shelves<Held>>,
    in_flight: Arc<InFlight>,
    /// Whether dead letters have a topic, and so do not go to the sinks.
    dead_letters: bool,
}

/// An ended entry and the memory that its result takes.
#[derive(Debug)]
pub struct Held {
    /// What is to be written.
    pub ended: Ended,
    /// Whether its topic has refused it as too large.
    pub too_large: bool,
    _bytes: HeldBytes,
}

impl<T> Default for Shelves<T> {
    fn default() -> Self {
        Self { stays: HashMap::new() }
    }
}

impl<T> Shelves<T> {
    /// The partition's stay is this one from now on.
    pub fn enter(&mut self, partition: &Partition, epoch: Epoch) {
        if self.stays.get(partition).is_none_or(|stay| stay.epoch != epoch) {
            let stay = Stay { epoch, held: BTreeMap::new() };
            self.stays.insert(partition.clone(), stay);
        }
    }

    /// The partition is no longer this consumer's; what waits of it is dropped.
    pub fn leave(&mut self, partition: &Partition) {
        self.stays.remove(partition);
    }

    /// Keeps `item` of the record at `source`, taken in the stay `epoch`. False, and it is dropped,
    /// if that stay is over.
    pub fn put(&mut self, source: &Source, epoch: Epoch, item: T) -> bool {
        let stay = self.stays.get_mut(&source.partition).filter(|stay| stay.epoch == epoch);
        let Some(stay) = stay else { return false };
        stay.held.entry(source.offset).or_default().push(item);
        true
    }

    /// Hands out everything of these partitions that stands below these offsets, by partition and
    /// rising offset.
    pub fn take(&mut self, offsets: &[(Partition, i64)]) -> Vec<T> {
        let mut taken = Vec::new();
        for (partition, offset) in offsets {
            let Some(stay) = self.stays.get_mut(partition) else { continue };
            let above = stay.held.split_off(offset);
            let below = std::mem::replace(&mut stay.held, above);
            taken.extend(below.into_values().flatten());
        }
        taken
    }

    /// Everything that waits.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.stays.values().flat_map(|stay| stay.held.values().flatten())
    }
}

impl HoldBack {
    /// Nothing held; what will be counts into `in_flight`.
    pub fn new(in_flight: Arc<InFlight>, dead_letters: bool) -> Self {
        Self { shelves: Mutex::default(), in_flight, dead_letters }
    }

    /// Whether dead letters have a topic, and so do not go to the sinks.
    pub fn takes_dead_letters(&self) -> bool {
        self.dead_letters
    }

    /// See [`Shelves::enter`].
    pub fn enter(&self, partition: &Partition, epoch: Epoch) {
        self.shelves().enter(partition, epoch);
    }

    /// See [`Shelves::leave`].
    pub fn leave(&self, partition: &Partition) {
        self.shelves().leave(partition);
    }

    /// Keeps an ended entry, unless its partition's stay is over.
    pub fn put(&self, ended: Ended) {
        let bytes = self.in_flight.hold(ended.message.bytes());
        self.put_back([Held { ended, too_large: false, _bytes: bytes }]);
    }

    /// Keeps again what no transaction has written, unless its partition's stay is over.
    pub fn put_back(&self, held: impl IntoIterator<Item = Held>) {
        let mut shelves = self.shelves();
        for held in held {
            let taken = Arc::clone(&held.ended.entry.taken);
            shelves.put(&taken.source, taken.epoch, held);
        }
    }

    /// See [`Shelves::take`].
    pub fn take(&self, offsets: &[(Partition, i64)]) -> Vec<Held> {
        self.shelves().take(offsets)
    }

    /// Whether every record in flight has nothing left that could still end: all that there is of
    /// it waits here.
    pub fn holds_all_in_flight(&self) -> bool {
        let shelves = self.shelves();
        let mut held: HashMap<*const TakenRecord, (&Arc<TakenRecord>, usize)> = HashMap::new();
        for item in shelves.iter() {
            let taken = &item.ended.entry.taken;
            held.entry(Arc::as_ptr(taken)).or_insert((taken, 0)).1 += 1;
        }
        let resting = held.values().filter(|(taken, count)| Arc::strong_count(taken) == *count);
        resting.count() == self.in_flight.records()
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves<Held>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
