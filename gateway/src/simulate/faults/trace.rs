//! What has happened in a run: all of it as one number, and the last of it in words.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use framegate_batcher::Removal;
use framegate_proto::ErrorCode;

use super::{fault::Fault, job::Ticket};
use crate::ingest::OutcomeKind;

/// One thing that happens.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum Happened {
    Begun { life: u32 },
    Fell(Fault),
    Called { call: u32 },
    CallEnded { call: u32 },
    Submitted { pool: usize, entry: Ticket, camera: u32, priority: u8 },
    Refused { pool: usize },
    Started { pool: usize, replica: u64 },
    Gone { pool: usize, replica: u64 },
    Desired { pool: usize, replicas: u32 },
    Claimed { entry: Ticket, replica: u64 },
    Executing { entry: Ticket, replica: u64, batch: u64 },
    Returned { entry: Ticket, suspect: bool },
    Served { entry: Ticket },
    Failed { entry: Ticket, code: ErrorCode },
    Removed { entry: Ticket, why: Removal },
    Taken { partition: usize, offset: i64 },
    Ended { partition: usize, offset: i64, model: usize, outcome: OutcomeKind },
    Written { partition: usize, offset: i64, model: usize },
    Committed { partition: usize, offset: i64 },
}

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Trace {
    events: u64,
    digest: DefaultHasher,
    last: VecDeque<(Duration, Happened)>,
}

/// As many events are kept to be told.
const KEPT: usize = 40;

impl Trace {
    pub(super) fn note(&mut self, at: Duration, what: Happened) {
        self.events += 1;
        (at, what).hash(&mut self.digest);
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back((at, what));
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// A number that another run has only if the same happens in it at the same times.
    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// The last events, one a line.
    pub(super) fn last(&self) -> Vec<String> {
        let line = |(at, what): &(Duration, Happened)| {
            format!("{:>12.3} ms  {what:?}", at.as_secs_f64() * 1e3)
        };
        self.last.iter().map(line).collect()
    }
}
