use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::fault::{Counts, Fault};

/// What came of the run of one seed.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) faults: Counts,
    pub(super) entries: u64,
    pub(super) events: u64,
    pub(super) digest: u64,
    pub(super) violation: Option<Violation>,
}

/// What came of the runs of some seeds.
#[derive(Debug, Clone, Default)]
pub struct FaultReport {
    /// Seeds that were run, up to the first violation.
    pub seeds: u64,
    /// The first of them.
    pub first_seed: u64,
    /// What went wrong in them.
    pub faults: Counts,
    /// Entries that were handed to pools.
    pub entries: u64,
    /// Things that happened.
    pub events: u64,
    /// Other runs have the same number only if the same happened in them.
    pub digest: u64,
    /// What did not hold, if anything.
    pub violation: Option<Violation>,
}

/// Something that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed whose run shows it.
    pub seed: u64,
    /// Its step.
    pub step: u64,
    /// Its time, since the start.
    pub at: Duration,
    /// What it was.
    pub what: String,
    /// All that happened until then, as a number.
    pub digest: u64,
    /// The last that happened until then, one a line.
    pub last: Vec<String>,
}

impl FaultReport {
    pub(super) fn add(&mut self, life: Life) {
        self.seeds += 1;
        self.faults += life.faults;
        self.entries += life.entries;
        self.events += life.events;
        let mut digest = DefaultHasher::new();
        (self.digest, life.digest).hash(&mut digest);
        self.digest = digest.finish();
        self.violation = life.violation;
    }
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Fault::ALL.map(|fault| fault.name().len()).into_iter().max().unwrap_or(0);
        for fault in Fault::ALL {
            writeln!(f, "{:names$} {:>9}", fault.name(), self.faults.of(fault))?;
        }
        let last = self.first_seed + self.seeds.saturating_sub(1);
        let (first, entries, events) = (self.first_seed, self.entries, self.events);
        let violations = if self.violation.is_some() { "a violation" } else { "no violation" };
        write!(f, "seeds {first} to {last}: {entries} entries, {events} events, {violations}, ")?;
        write!(f, "digest {:016x}", self.digest)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, at, what, digest, last } = self;
        writeln!(f, "seed {seed}, step {step}, at {at:?}: {what}")?;
        writeln!(f, "digest {digest:016x}; the last events:")?;
        last.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
