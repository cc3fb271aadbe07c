//! Which offsets may be committed: those below every record that is not done. Pure.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    ops::Range,
    sync::Arc,
};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its number within the topic.
    pub number: i32,
}

/// Names one stay of a partition with this consumer. What began in an earlier one no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

/// The records taken from the assigned partitions, and how far each partition is done.
///
/// Records are taken in the order of their offsets, gaps allowed (compaction, transactions), and
/// are done in any order. A record is done when as many of its entries ended as it has models.
#[derive(Debug, Default)]
pub struct Tracker {
    partitions: HashMap<Partition, Progress>,
    /// The records of all partitions that no prefix has passed.
    waiting: usize,
    epochs: u64,
    /// Records that entered a prefix since prefixes were last handed out.
    passed: usize,
}

/// A range of offsets that is passed over unread. To the prefix it is one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The stay of the partition in which it was skipped.
    pub epoch: Epoch,
    /// Its first offset, by which its entries end.
    pub first: i64,
    /// How many offsets it spans, at least 1; as many records, unless the log has gaps.
    pub records: u64,
}

#[derive(Debug)]
struct Progress {
    epoch: Epoch,
    /// The records that the prefix has not passed, by rising offset.
    waiting: VecDeque<Waiting>,
    /// One above the last offset taken or skipped.
    position: Option<i64>,
    /// What was skipped last. Its records may still come out of the client's buffers, until one
    /// from behind it does.
    skipped: Range<i64>,
    /// One above the last offset of the prefix of done records.
    committable: Option<i64>,
    /// The last value handed out for a commit that has not failed.
    committed: Option<i64>,
}

#[derive(Debug)]
struct Waiting {
    offset: i64,
    /// One above the last offset that it stands for: its own, or the last of a skipped range.
    next: i64,
    /// Entries that have not ended.
    outstanding: usize,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.topic, self.number)
    }
}

impl Tracker {
    /// The partition is this consumer's from now on.
    pub fn assign(&mut self, partition: Partition) {
        self.revoke(&partition);
        let epoch = self.next_epoch();
        self.partitions.insert(partition, Progress::new(epoch));
    }

    /// Nothing of the partition was ever committed, and it is read from `offset` on: that is to be
    /// committed, so that whoever gets it next begins there too.
    pub fn begin(&mut self, partition: &Partition, offset: i64) {
        if let Some(progress) = self.partitions.get_mut(partition) {
            progress.committable = progress.committable.or(Some(offset));
        }
    }

    /// The partition is no longer this consumer's.
    pub fn revoke(&mut self, partition: &Partition) {
        let progress = self.partitions.remove(partition);
        self.waiting -= progress.map_or(0, |progress| progress.waiting.len());
    }

    /// The assigned partitions.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = &Partition> {
        self.partitions.keys()
    }

    /// A record was taken that has `entries` (at least 1) to end. `None`: the partition is not
    /// assigned, or the record was skipped, so it is not to be served.
    ///
    /// An offset at or below one taken before means that the partition went back (an offset reset
    /// after its log was cut). That begins a new epoch: rather a result twice than none.
    pub fn take(&mut self, partition: &Partition, offset: i64, entries: usize) -> Option<Epoch> {
        let progress = self.partitions.get_mut(partition)?;
        if progress.skipped.contains(&offset) {
            return None;
        }
        if progress.position.is_some_and(|position| offset < position) {
            self.assign(partition.clone());
        }
        let progress = self.partitions.get_mut(partition)?;
        progress.skipped = 0..0;
        progress.push(offset..offset + 1, entries);
        self.waiting += 1;
        Some(progress.epoch)
    }

    /// What follows the last record taken is passed over, up to `next`, where reading goes on. It
    /// has `entries` (at least 1) to end, and is done then like a record: behind what was taken
    /// before it. `None`: nothing was taken in this epoch, or there is nothing to pass over.
    pub fn skip(&mut self, partition: &Partition, next: i64, entries: usize) -> Option<Skipped> {
        let progress = self.partitions.get_mut(partition)?;
        let first = progress.position.filter(|first| *first < next)?;
        let begun = if progress.skipped.is_empty() { first } else { progress.skipped.start };
        progress.skipped = begun..next;
        progress.push(first..next, entries);
        self.waiting += 1;
        Some(Skipped { epoch: progress.epoch, first, records: first.abs_diff(next) })
    }

    /// One entry of the record ended. Ignored if the record belongs to an earlier epoch.
    pub fn entry_ended(&mut self, partition: &Partition, epoch: Epoch, offset: i64) {
        let progress = self.partitions.get_mut(partition).filter(|p| p.epoch == epoch);
        if let Some(progress) = progress {
            let passed = progress.entry_ended(offset);
            self.passed += passed;
            self.waiting -= passed;
        }
    }

    /// How many records of the partition are taken and not passed by the prefix.
    pub fn waiting(&self, partition: &Partition) -> usize {
        self.partitions.get(partition).map_or(0, |progress| progress.waiting.len())
    }

    /// The offset of the first record that is taken and not done.
    pub fn first_waiting(&self, partition: &Partition) -> Option<i64> {
        self.partitions.get(partition)?.waiting.front().map(|record| record.offset)
    }

    /// How many records of all partitions are taken and not passed by a prefix.
    pub fn waiting_in_all(&self) -> usize {
        self.waiting
    }

    /// The offset after the last record taken or skipped in this epoch.
    pub fn position(&self, partition: &Partition) -> Option<i64> {
        self.partitions.get(partition)?.position
    }

    /// The offset after the contiguous prefix of done records, once there is such a prefix.
    #[cfg(test)]
    pub fn committable(&self, partition: &Partition) -> Option<i64> {
        self.partitions.get(partition)?.committable
    }

    /// Every prefix that grew since this was last asked, to be committed now.
    pub fn take_uncommitted(&mut self) -> Vec<(Partition, i64)> {
        self.passed = 0;
        let grown = |(partition, progress): (&Partition, &mut Progress)| {
            let offset =
                progress.committable.filter(|_| progress.committable != progress.committed)?;
            progress.committed = progress.committable;
            Some((partition.clone(), offset))
        };
        self.partitions.iter_mut().filter_map(grown).collect()
    }

    /// How many records entered a prefix since prefixes were last handed out.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// A commit of the partition failed: its prefix is handed out again.
    pub fn commit_failed(&mut self, partition: &Partition) {
        if let Some(progress) = self.partitions.get_mut(partition) {
            progress.committed = None;
        }
    }

    fn next_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch(self.epochs)
    }
}

impl Progress {
    fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            waiting: VecDeque::new(),
            position: None,
            skipped: 0..0,
            committable: None,
            committed: None,
        }
    }

    fn push(&mut self, offsets: Range<i64>, entries: usize) {
        let (offset, next) = (offsets.start, offsets.end);
        self.waiting.push_back(Waiting { offset, next, outstanding: entries });
        self.position = Some(next);
    }

    /// Returns how many records the prefix passed.
    fn entry_ended(&mut self, offset: i64) -> usize {
        let Ok(index) = self.waiting.binary_search_by_key(&offset, |record| record.offset) else {
            return 0;
        };
        let before = self.waiting.len();
        let record = &mut self.waiting[index];
        record.outstanding = record.outstanding.saturating_sub(1);
        while self.waiting.front().is_some_and(|record| record.outstanding == 0) {
            self.committable = self.waiting.pop_front().map(|record| record.next);
        }
        before - self.waiting.len()
    }
}

#[cfg(test)]
mod tests;
