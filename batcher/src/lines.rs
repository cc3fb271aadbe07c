//! The order of the queue: priority classes, in a class a ring of lines, in a line arrival.
//!
//! An entry is found, inserted and removed in O(log n). An emptied line or class leaves nothing
//! behind, so memory follows the entries that wait, not the keys ever seen.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::entry::{EntryId, NewEntry, PerOrigin, Priority};

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

/// The entries of one fairness key. An entry that returns finds its old place by its id.
#[derive(Debug)]
struct Line {
    turn: u64,
    waiting: BTreeSet<EntryId>,
}

impl Lines {
    pub(crate) fn queued(&self) -> PerOrigin {
        self.queued
    }

    /// The entry that arrived first of all that wait.
    pub(crate) fn oldest(&self) -> Option<EntryId> {
        let lines = self.classes.values().flat_map(|class| class.lines.values());
        lines.filter_map(Line::head).min()
    }

    pub(crate) fn insert<J>(&mut self, id: EntryId, entry: &NewEntry<J>) {
        self.classes.entry(entry.priority).or_default().insert(id, &entry.fairness_key);
        *self.queued.of_mut(entry.origin) += 1;
    }

    pub(crate) fn remove<J>(&mut self, id: EntryId, entry: &NewEntry<J>) {
        let Some(class) = self.classes.get_mut(&entry.priority) else { return };
        if class.remove(id, &entry.fairness_key) {
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
    fn insert(&mut self, id: EntryId, key: &Arc<str>) {
        let line = self.lines.entry(Arc::clone(key)).or_insert_with(|| {
            let turn = self.next_turn;
            self.next_turn += 1;
            self.ring.insert(turn, Arc::clone(key));
            Line { turn, waiting: BTreeSet::new() }
        });
        line.waiting.insert(id);
    }

    fn remove(&mut self, id: EntryId, key: &Arc<str>) -> bool {
        let Some(line) = self.lines.get_mut(key) else { return false };
        let was_waiting = line.waiting.remove(&id);
        if line.waiting.is_empty() {
            self.ring.remove(&line.turn);
            self.lines.remove(key);
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
        self.waiting.first().copied()
    }
}
