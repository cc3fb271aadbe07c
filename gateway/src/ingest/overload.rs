//! What an ingest's overload policy makes of its records before a pool sees them. Pure.

use std::{collections::HashMap, sync::Arc};

use framegate_batcher::Latest;

use super::record::Record;
use crate::policy::{Ingest, Overload};

/// The overload policy of one ingest rule, and what it has counted.
#[derive(Debug)]
pub struct OverloadRule {
    policy: Overload,
    /// Tells the ingest from others that feed the same pools.
    stream: u32,
    /// Records taken, which gives each its order. What arrives later is newer, whatever its
    /// capture time or sequence say: a camera that restarts may begin again at 0, or be set back
    /// in time, and its picture is the newest all the same.
    taken: u64,
    sampler: Sampler,
}

/// Counts the records of cameras that number none themselves.
#[derive(Debug, Default)]
struct Sampler {
    counts: HashMap<Arc<str>, u64>,
    /// The count that all further cameras share.
    others: u64,
}

/// So many cameras have a count of their own. Of the records of all further ones together, one in
/// n is spared too, but not of each of them.
const MAX_COUNTED_CAMERAS: usize = 10_000;

impl OverloadRule {
    /// The rule of this ingest, which has seen nothing.
    pub fn new(ingest: &Ingest) -> Self {
        let (policy, stream) = (ingest.overload, ingest.number);
        Self { policy, stream, taken: 0, sampler: Sampler::default() }
    }

    /// A record was taken: what makes newer ones replace it while it waits, if that is the policy.
    pub fn taken(&mut self) -> Option<Latest> {
        self.taken += 1;
        let latest = Latest { stream: self.stream, order: self.taken };
        (self.policy == Overload::LatestOnly).then_some(latest)
    }

    /// Whether the record is to be processed: under `every_nth`, those whose sequence is a multiple
    /// of n; of a camera without sequences, the first and every n-th after it. Such a count begins
    /// anew with the gateway; a sequence says the same each time that the record is read.
    pub fn spares(&mut self, record: &Record) -> bool {
        let Overload::EveryNth(n) = self.policy else { return true };
        let number = record.sequence.unwrap_or_else(|| self.sampler.count(&record.camera_id));
        number.is_multiple_of(n)
    }

    /// Whether to stop taking records while the pools' queues are full. `latest_only` goes on: what
    /// it takes replaces what waits, and only what is in flight bounds it.
    pub fn pauses_for_backlog(&self) -> bool {
        self.policy != Overload::LatestOnly
    }
}

/// Of the records that wait in the topics, the part that will ask for a replica. Under
/// `latest_only` they do not wait for one: they are taken at once, and what is shed then speaks for
/// the demand.
pub fn demanding_part(policy: Overload) -> f64 {
    match policy {
        Overload::ProcessAll => 1.0,
        Overload::LatestOnly => 0.0,
        Overload::EveryNth(n) => 1.0 / n as f64,
    }
}

impl Sampler {
    /// How many records of the camera were counted before.
    fn count(&mut self, camera: &Arc<str>) -> u64 {
        let is_full = self.counts.len() >= MAX_COUNTED_CAMERAS;
        let count = match self.counts.get_mut(camera) {
            Some(count) => count,
            None if is_full => &mut self.others,
            None => self.counts.entry(Arc::clone(camera)).or_default(),
        };
        let before = *count;
        *count = count.wrapping_add(1);
        before
    }
}

#[cfg(test)]
mod tests;
