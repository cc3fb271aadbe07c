use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::message::Fetched;
use crate::ingest::{gate, tracker::Partition};

/// Which partitions may be read, and the records that librdkafka handed out of the others: those
/// are taken later, in their order.
///
/// librdkafka throws away what it has fetched of a paused partition, and takes a while to fetch
/// again. So a partition that is shut is not paused at once, but when [`MAX_HELD`] of its records
/// are held; until then, it may open again without a gap.
#[derive(Default)]
pub(super) struct Holds {
    partitions: HashMap<Partition, Hold>,
    /// Held records of all partitions, and their bytes.
    records: usize,
    bytes: usize,
    /// Partitions with held records, the next to be served first.
    turns: VecDeque<Partition>,
    /// Shut partitions.
    shut: usize,
    /// What holds for all partitions, as of the last [`Holds::changes`].
    all: Reading,
    /// Whether a partition may have to be paused or resumed that was not before.
    changed: bool,
}

/// Whether records may be taken, whatever their partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reading {
    /// Of those partitions that are open.
    #[default]
    Open,
    /// Of none, for a while.
    Shut,
    /// Never again.
    Over,
}

#[derive(Default)]
struct Hold {
    records: VecDeque<Fetched>,
    /// It has its share of the records in flight.
    shut: bool,
    /// It is being found out where its fresh records begin.
    seeking: bool,
    /// When that was asked last.
    asked_at: Option<Instant>,
    /// librdkafka fetches nothing of it.
    paused: bool,
}

/// Records held of one partition before it is paused; librdkafka still hands out a few after that.
const MAX_HELD: usize = 32;
/// Records, and bytes of them, held of all partitions before all that are shut are paused.
const MAX_HELD_IN_ALL: usize = 32;
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;
/// How often it is asked where the fresh records of a partition begin, at most.
const SEEK_PAUSE: Duration = Duration::from_secs(1);

impl Holds {
    /// The partition is this consumer's from now on, neither shut nor paused.
    pub(super) fn assign(&mut self, partition: Partition) {
        self.revoke(&partition);
        self.partitions.insert(partition, Hold::default());
        self.changed = true;
    }

    /// The partition is no longer this consumer's, nor are its held records.
    pub(super) fn revoke(&mut self, partition: &Partition) {
        self.discard(partition);
        if self.partitions.remove(partition).is_some_and(|hold| hold.shut) {
            self.shut -= 1;
        }
        self.changed = true;
    }

    /// Discards the held records of all partitions.
    pub(super) fn clear(&mut self) {
        self.partitions.values_mut().for_each(|hold| hold.records.clear());
        self.turns.clear();
        (self.records, self.bytes) = (0, 0);
    }

    /// Discards the held records of a partition.
    pub(super) fn discard(&mut self, partition: &Partition) {
        let Some(hold) = self.partitions.get_mut(partition) else { return };
        self.records -= hold.records.len();
        self.bytes -= hold.records.drain(..).map(|record| record.original.bytes()).sum::<usize>();
        self.turns.retain(|turn| turn != partition);
    }

    /// Whether a record that was just handed out may be taken; else it is to be held.
    pub(super) fn is_open(&self, partition: &Partition) -> bool {
        self.partitions.get(partition).is_some_and(|hold| hold.opens() && hold.records.is_empty())
    }

    /// Keeps a record until its partition may be read. One of a partition that has gone is dropped:
    /// its next owner reads it.
    pub(super) fn hold(&mut self, record: Fetched) {
        let Some(hold) = self.partitions.get_mut(&record.source.partition) else { return };
        if hold.records.is_empty() {
            self.turns.push_back(record.source.partition.clone());
        }
        self.records += 1;
        self.bytes += record.original.bytes();
        hold.records.push_back(record);
        self.changed = true;
    }

    /// The next held record of an open partition; the partitions take turns.
    pub(super) fn next(&mut self) -> Option<Fetched> {
        let ready = |turn: &Partition| self.partitions.get(turn).is_some_and(Hold::opens);
        let place = self.turns.iter().position(ready)?;
        let partition = self.turns.remove(place)?;
        let hold = self.partitions.get_mut(&partition)?;
        let record = hold.records.pop_front()?;
        if !hold.records.is_empty() {
            self.turns.push_back(partition);
        }
        self.records -= 1;
        self.bytes -= record.original.bytes();
        self.changed = true;
        Some(record)
    }

    /// Shuts or opens a partition by its records taken and not passed by the prefix.
    pub(super) fn regulate(&mut self, partition: &Partition, waiting: usize, share: usize) {
        let Some(hold) = self.partitions.get_mut(partition) else { return };
        let shut = gate::is_shut(hold.shut, waiting, share);
        if shut != hold.shut {
            hold.shut = shut;
            self.shut = if shut { self.shut + 1 } else { self.shut - 1 };
            self.changed = true;
        }
    }

    /// Stops reading the partition until [`Holds::found`]. False if that was asked only just now.
    pub(super) fn seek(&mut self, partition: &Partition, now: Instant) -> bool {
        let Some(hold) = self.partitions.get_mut(partition) else { return false };
        let recent = hold.asked_at.is_some_and(|at| now.duration_since(at) < SEEK_PAUSE);
        if recent || hold.seeking {
            return false;
        }
        hold.seeking = true;
        self.changed = true;
        true
    }

    /// It was found out, or cannot be, where the partition's fresh records begin.
    pub(super) fn found(&mut self, partition: &Partition, now: Instant) {
        if let Some(hold) = self.partitions.get_mut(partition) {
            (hold.seeking, hold.asked_at) = (false, Some(now));
            self.changed = true;
        }
    }

    /// How many records are held.
    pub(super) fn held(&self) -> usize {
        self.records
    }

    /// How many partitions are shut.
    pub(super) fn shut(&self) -> usize {
        self.shut
    }

    /// Whether there are partitions, none of which may be read.
    pub(super) fn all_shut(&self) -> bool {
        self.shut > 0 && self.shut == self.partitions.len()
    }

    /// Whether librdkafka fetches nothing of the partition.
    pub(super) fn is_paused(&self, partition: &Partition) -> bool {
        self.partitions.get(partition).is_some_and(|hold| hold.paused)
    }

    /// The partitions of which librdkafka fetches nothing.
    pub(super) fn paused(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|(_, hold)| hold.paused).map(|(partition, _)| partition)
    }

    /// The partitions to be paused (true) and those to be resumed.
    pub(super) fn changes(&mut self, all: Reading) -> [(bool, Vec<Partition>); 2] {
        if !self.changed && all == self.all {
            return [(true, Vec::new()), (false, Vec::new())];
        }
        (self.changed, self.all) = (false, all);
        let is_full = self.records >= MAX_HELD_IN_ALL || self.bytes >= MAX_HELD_BYTES;
        [true, false].map(|pause| {
            let due = |hold: &Hold| hold.paused != pause && hold.is_due(all, is_full) == pause;
            let due = self.partitions.iter().filter(|(_, hold)| due(hold));
            (pause, due.map(|(partition, _)| partition.clone()).collect())
        })
    }

    /// librdkafka has paused or resumed them.
    pub(super) fn note_paused(&mut self, partitions: &[Partition], paused: bool) {
        for partition in partitions {
            if let Some(hold) = self.partitions.get_mut(partition) {
                hold.paused = paused;
            }
        }
    }

    /// librdkafka has refused that; it is to be tried again.
    pub(super) fn note_refused(&mut self) {
        self.changed = true;
    }
}

impl Hold {
    fn opens(&self) -> bool {
        !self.shut && !self.seeking
    }

    /// Whether it is to be paused. Once it is, it stays so until its held records are taken.
    fn is_due(&self, all: Reading, is_full: bool) -> bool {
        match all {
            Reading::Over => true,
            Reading::Open if self.opens() && self.records.is_empty() => false,
            _ => self.paused || is_full || self.records.len() >= MAX_HELD,
        }
    }
}

#[cfg(test)]
mod tests;
