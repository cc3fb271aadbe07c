//! How offsets are committed; under `exactly_once`, together with what waits in the hold-back.

use std::time::Duration;

use super::{Book, Entry, Epoch, Ingest, IngestEvent, Partition, Place, Scene};
use crate::{ingest::entry::Source, simulate::faults::fault::Fault};

/// An ended entry that is written with its offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    place: Place,
    model: usize,
    epoch: Epoch,
}

/// What is committed together.
#[derive(Debug)]
pub(super) struct Order {
    offsets: Vec<(Partition, i64)>,
    held: Vec<Held>,
    /// A partition was taken away meanwhile: the broker refuses it.
    is_fenced: bool,
}

/// How long a commit takes, at most.
const COMMIT_TAKES: Duration = Duration::from_millis(30);
/// How long a partition is away, at most.
const AWAY: Duration = Duration::from_millis(300);

impl Ingest {
    /// Held before it is told: whoever sees the offset finds the result.
    pub(super) fn hold(&mut self, number: u64) {
        let Some(Entry { place, model, epoch, .. }) = self.entries.remove(&number) else { return };
        self.put(Held { place, model, epoch });
        self.tracker.entry_ended(&self.partitions[place.partition], epoch, place.offset);
    }

    pub(super) fn commit(&mut self, scene: &mut Scene) {
        self.enter(scene.plan.commit_interval, IngestEvent::Commit, scene);
        self.begin_commit(scene);
    }

    fn begin_commit(&mut self, scene: &mut Scene) {
        if self.order.is_some() {
            return;
        }
        let mut offsets = self.tracker.take_uncommitted();
        if offsets.is_empty() {
            return;
        }
        offsets.sort_by_key(|(partition, _)| partition.number);
        let held = self.shelves.take(&offsets);
        self.order = Some(Order { offsets, held, is_fenced: false });
        let after = scene.up_to(COMMIT_TAKES);
        self.enter(after, IngestEvent::CommitEnds, scene);
    }

    /// The broker answers, or does not. A transaction in doubt is asked about; an offset is just
    /// committed again.
    pub(super) fn commit_ends(&mut self, book: &mut Book, scene: &mut Scene) {
        let Some(order) = self.order.take() else { return };
        let fails = order.is_fenced || scene.falls(Fault::CommitFails);
        let in_doubt = !fails && scene.falls(Fault::CommitInDoubt);
        let happens = !fails && (!in_doubt || scene.chance.bool());
        if happens {
            order.apply(book, scene);
        }
        let asks = in_doubt && scene.plan.exactly_once;
        let known = if asks { order.is_committed(book) } else { happens && !in_doubt };
        if !known {
            order.offsets.iter().for_each(|(partition, _)| self.tracker.commit_failed(partition));
            order.held.into_iter().for_each(|held| self.put(held));
        }
    }

    /// The gateway stops: what is done is committed.
    pub(in super::super) fn commit_last(&mut self, book: &mut Book, scene: &mut Scene) {
        self.commit_ends(book, scene);
        self.begin_commit(scene);
        self.commit_ends(book, scene);
    }

    /// The gateway is gone. What it was committing is committed, or not.
    pub(in super::super) fn lose_commit(&mut self, book: &mut Book, scene: &mut Scene) {
        if let Some(order) = self.order.take()
            && !order.is_fenced
            && scene.chance.bool()
        {
            order.apply(book, scene);
        }
    }

    /// A partition goes to another gateway for a while.
    pub(in super::super) fn take_away(&mut self, book: &mut Book, scene: &mut Scene) {
        let partition = scene.chance.usize(..self.partitions.len());
        if self.reading[partition].is_none() || !scene.falls(Fault::PartitionTaken) {
            return;
        }
        match &mut self.order {
            Some(order) if scene.chance.bool() => order.is_fenced = true,
            _ => self.commit_ends(book, scene),
        }
        self.tracker.revoke(&self.partitions[partition]);
        self.shelves.leave(&self.partitions[partition]);
        self.reading[partition] = None;
        book.serve_elsewhere(partition, scene);
        let after = scene.up_to(AWAY);
        self.enter(after, IngestEvent::Assign { partition }, scene);
    }

    fn put(&mut self, held: Held) {
        let Place { partition, offset } = held.place;
        let source = Source { partition: self.partitions[partition].clone(), offset };
        self.shelves.put(&source, held.epoch, held);
    }
}

impl Order {
    fn places(&self) -> Vec<Place> {
        let place = |(partition, offset): &(Partition, i64)| Place {
            partition: partition.number as usize,
            offset: *offset,
        };
        self.offsets.iter().map(place).collect()
    }

    fn apply(&self, book: &mut Book, scene: &mut Scene) {
        for held in &self.held {
            book.write(held.place, held.model, true, scene);
        }
        book.commit(&self.places(), scene);
    }

    fn is_committed(&self, book: &Book) -> bool {
        self.places().iter().all(|place| book.committed(place.partition) >= place.offset)
    }
}
