//! Offsets of 150 partitions, each with 64 records in flight, of two models each.

use framegate::ingest::tracker::{Epoch, Partition, Tracker};

/// Records that pass in one measurement.
pub const RECORDS: usize = PARTITIONS * IN_FLIGHT as usize;

const PARTITIONS: usize = 150;
const IN_FLIGHT: i64 = 64;
const MODELS: usize = 2;

/// A tracker, and what it tracks.
pub struct Offsets {
    tracker: Tracker,
    partitions: Vec<Partition>,
    /// Of the next record of each partition.
    next: i64,
}

/// Partitions that are assigned, and through each of which 64 records have passed.
pub fn offsets() -> Offsets {
    let partition = |number| Partition { topic: format!("camera_{number}").into(), number: 0 };
    let partitions: Vec<_> = (0..PARTITIONS).map(partition).collect();
    let mut tracker = Tracker::default();
    partitions.iter().for_each(|partition| tracker.assign(partition.clone()));
    let mut offsets = Offsets { tracker, partitions, next: 0 };
    pass(&mut offsets);
    offsets
}

/// A record of each partition is taken after another; then their entries end in an order of their
/// own, the last of each partition among the first; then all prefixes are handed out.
pub fn pass(offsets: &mut Offsets) {
    let Offsets { tracker, partitions, next } = offsets;
    let mut epochs: Vec<Epoch> = Vec::with_capacity(partitions.len());
    for offset in *next..*next + IN_FLIGHT {
        epochs.clear();
        let taken = |partition| tracker.take(partition, offset, MODELS).expect("it is assigned");
        epochs.extend(partitions.iter().map(taken));
    }
    for step in 0..IN_FLIGHT {
        // Odd factors make each number below a power of two come once.
        let offset = *next + (step * 13 + 63) % IN_FLIGHT;
        for (partition, epoch) in partitions.iter().zip(&epochs) {
            (0..MODELS).for_each(|_| tracker.entry_ended(partition, *epoch, offset));
        }
    }
    *next += IN_FLIGHT;
    assert_eq!(tracker.passed(), RECORDS);
    assert_eq!(tracker.take_uncommitted().len(), PARTITIONS);
}
