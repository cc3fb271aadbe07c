//! The order of the queue: priority classes, in a class a ring of lines, in a line arrival.
//!
//! An entry is found, inserted and removed in O(log n). An emptied line or class leaves nothing
//! behind, so memory follows the entries that wait, not the keys ever seen.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::entry::{EntryId, Latest, NewEntry, Origin, PerOrigin, Priority};

/// One turn in so many goes to a lower class while one waits.
pub(crate) const LOWER_CLASS_TURN: u32 = 16;

/// The entries that wait.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The classes in which something waits.
    classes: BTreeMap<Priority, Class>,
    queued: PerOrigin,
    /// Turns of the highest class, while a lower one waited, since a lower one had its own.
    passed_over: u32,
}

/// The lines of one priority, which take turns: deficit round robin with a cost of 1.
#[derive(Debug, Default)]
struct Class {
    lines: HashMap<Arc<str>, Line>,
    /// The keys of `lines` by their turn; the first is next.
    ring: BTreeMap<u64, Arc<str>>,
    next_turn: u64,
}

/// The entries of one fairness key. An entry that returns finds its old place by its rank.
#[derive(Debug)]
struct Line {
    turn: u64,
    waiting: BTreeMap<Rank, EntryId>,
    /// Of each stream of which only the newest waits, which one that is.
    latest: BTreeMap<(Origin, u32), (u64, EntryId)>,
}

/// Where an entry stands in its line: by its own arrival, or by that of the one which it replaced.
/// So a camera that sends more neither loses its turn, which comes up while it sends, nor wins one.
pub(crate) type Rank = EntryId;

/// The entry that waits in the stead of another one of its stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// It is to give way.
    Older(EntryId),
    /// The other one is.
    Newer,
}

impl Lines {
    pub(crate) fn queued(&self) -> PerOrigin {
        self.queued
    }

    /// What waits of the stream of an entry that does not, in the same line.
    pub(crate) fn rival<J>(&self, entry: &NewEntry<J>) -> Option<Rival> {
        let Latest { stream, order } = entry.latest?;
        let line = self.classes.get(&entry.priority)?.lines.get(&entry.fairness_key)?;
        let &(waiting, id) = line.latest.get(&(entry.origin, stream))?;
        Some(if waiting > order { Rival::Newer } else { Rival::Older(id) })
    }

    /// Puts an entry into its line, and out of it what stood at its rank.
    pub(crate) fn insert<J>(&mut self, id: EntryId, rank: Rank, entry: &NewEntry<J>) {
        let line = self.classes.entry(entry.priority).or_default().line(&entry.fairness_key);
        if line.waiting.insert(rank, id).is_none() {
            *self.queued.of_mut(entry.origin) += 1;
        }
        if let Some(Latest { stream, order }) = entry.latest {
            line.latest.insert((entry.origin, stream), (order, id));
        }
    }

    /// Takes an entry out of its line, unless another one stands there in its stead.
    pub(crate) fn remove<J>(&mut self, id: EntryId, rank: Rank, entry: &NewEntry<J>) {
        let Some(class) = self.classes.get_mut(&entry.priority) else { return };
        if class.remove(id, rank, entry) {
            *self.queued.of_mut(entry.origin) -= 1;
        }
        if class.lines.is_empty() {
            self.classes.remove(&entry.priority);
        }
    }

    /// The entry whose turn it is, which it uses up. The entry stays in its line until it is removed.
    pub(crate) fn take_turn(&mut self) -> Option<EntryId> {
        let priority = self.class_to_serve()?;
        self.classes.get_mut(&priority)?.take_turn()
    }

    fn class_to_serve(&mut self) -> Option<Priority> {
        let (&highest, _) = self.classes.last_key_value()?;
        if self.classes.len() == 1 {
            return Some(highest);
        }
        self.passed_over += 1;
        if self.passed_over < LOWER_CLASS_TURN {
            return Some(highest);
        }
        self.passed_over = 0;
        // The oldest head, and not the next class, so that none of the lower ones starves.
        let lower = self.classes.range(..highest).min_by_key(|(_, class)| class.head());
        lower.map(|(&priority, _)| priority)
    }
}

impl Class {
    /// The line of a key; a new one is the last to have its turn.
    fn line(&mut self, key: &Arc<str>) -> &mut Line {
        self.lines.entry(Arc::clone(key)).or_insert_with(|| {
            let turn = self.next_turn;
            self.next_turn += 1;
            self.ring.insert(turn, Arc::clone(key));
            Line { turn, waiting: BTreeMap::new(), latest: BTreeMap::new() }
        })
    }

    fn remove<J>(&mut self, id: EntryId, rank: Rank, entry: &NewEntry<J>) -> bool {
        let Some(line) = self.lines.get_mut(&entry.fairness_key) else { return false };
        let was_waiting = line.remove(id, rank, entry);
        if line.waiting.is_empty() {
            self.ring.remove(&line.turn);
            self.lines.remove(&entry.fairness_key);
        }
        was_waiting
    }

    fn head(&self) -> Option<EntryId> {
        let (_, key) = self.ring.first_key_value()?;
        self.lines.get(key)?.head()
    }

    fn take_turn(&mut self) -> Option<EntryId> {
        let (_, key) = self.ring.pop_first()?;
        let line = self.lines.get_mut(&key)?;
        line.turn = self.next_turn;
        self.next_turn += 1;
        self.ring.insert(line.turn, key);
        line.head()
    }
}

impl Line {
    fn head(&self) -> Option<EntryId> {
        self.waiting.first_key_value().map(|(_, &id)| id)
    }

    fn remove<J>(&mut self, id: EntryId, rank: Rank, entry: &NewEntry<J>) -> bool {
        if self.waiting.get(&rank) != Some(&id) {
            return false;
        }
        self.waiting.remove(&rank);
        if let Some(Latest { stream, .. }) = entry.latest
            && self.latest.get(&(entry.origin, stream)).is_some_and(|&(_, newest)| newest == id)
        {
            self.latest.remove(&(entry.origin, stream));
        }
        true
    }
}
