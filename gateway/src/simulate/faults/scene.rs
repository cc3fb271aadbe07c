//! What all parts of a run share: its chance, its time, its agenda, and what is told of it.

use std::time::Duration;

use fastrand::Rng;
use framegate_batcher::{Clock, EntryId};
use tokio::time::Instant;

use super::{
    bug::Bug,
    fault::{Counts, Fault},
    job::Ticket,
    plan::Plan,
    trace::{Happened, Trace},
};
use crate::simulate::agenda::Agenda;

pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) bug: Option<Bug>,
    pub(super) chance: Rng,
    pub(super) now: Duration,
    pub(super) clock: Clock,
    /// With the life of the gateway in which each was entered; none for what outlasts it.
    agenda: Agenda<(Option<u32>, Event)>,
    /// Which life of the gateway this is.
    pub(super) life: u32,
    /// Entries so far.
    pub(super) entries: u64,
    pub(super) trace: Trace,
    pub(super) faults: Counts,
    /// What was violated first.
    pub(super) violation: Option<String>,
}

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    // Of the world around.
    Call(u32),
    Leave(u32),
    Write { partition: usize },
    Strike,
    // Of the gateway as a whole.
    Begin,
    StopEnds,
    // Of its parts.
    Pool(usize, PoolEvent),
    Ingest(IngestEvent),
}

/// What is to happen in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PoolEvent {
    /// The autoscaler decides, unless it has decided meanwhile.
    Decide { turn: u64 },
    /// A replica runs, or does not.
    Started { replica: u64 },
    /// An entry is loaded, or cannot be.
    Loaded { replica: u64, entry: EntryId, load: Load },
    /// A replica is to look whether a batch has waited long enough.
    Look { replica: u64 },
    /// A batch ends.
    Executed { replica: u64, batch: u64 },
    /// A batch has had all of its time.
    Overdue { replica: u64, batch: u64 },
    /// A replica that was given up answers.
    Late { replica: u64 },
    /// A draining replica has had all of its time.
    GraceEnds { replica: u64 },
    /// Entries are due.
    Expire,
}

/// How loading a frame ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Load {
    Ready,
    BucketAway,
    Undecodable,
}

/// What is to happen in the ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum IngestEvent {
    /// An entry is queued again.
    Retry { entry: u64 },
    /// A sink answers.
    Sunk { round: u64 },
    /// A round is sent again.
    Resend { round: u64 },
    /// Prefixes are committed.
    Commit,
    /// The broker answers.
    CommitEnds,
    /// A partition comes back.
    Assign { partition: usize },
}

impl Scene {
    pub(super) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut chance = Rng::with_seed(seed);
        Self {
            plan: Plan::draw(&mut chance),
            bug,
            chance,
            now: Duration::ZERO,
            clock: Clock::simulated(),
            agenda: Agenda::default(),
            life: 0,
            entries: 0,
            trace: Trace::default(),
            faults: Counts::default(),
            violation: None,
        }
    }

    /// The time of the queues.
    pub(super) fn instant(&self) -> Instant {
        self.clock.now()
    }

    /// How long it is until then.
    pub(super) fn until(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.instant())
    }

    /// Something is to happen after this time, unless the gateway ends before.
    pub(super) fn enter(&mut self, after: Duration, event: Event) {
        self.agenda.enter(self.now + after, (Some(self.life), event));
    }

    /// The same, whatever becomes of the gateway.
    pub(super) fn enter_for_good(&mut self, after: Duration, event: Event) {
        self.agenda.enter(self.now + after, (None, event));
    }

    /// Lets time pass until something happens.
    pub(super) fn next(&mut self) -> Option<Event> {
        loop {
            let (at, (life, event)) = self.agenda.pop()?;
            if life.is_none_or(|life| life == self.life) {
                self.now = at;
                self.clock.set(at);
                return Some(event);
            }
        }
    }

    /// A time up to this one.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.chance.f64())
    }

    /// Whether faults fall still.
    pub(super) fn is_troubled(&self) -> bool {
        self.now < self.plan.lasts
    }

    /// Whether the fault falls on this occasion.
    pub(super) fn falls(&mut self, fault: Fault) -> bool {
        let odds = self.plan.odds(fault);
        let falls = self.is_troubled() && odds > 0.0 && self.chance.f64() < odds;
        if falls {
            self.fell(fault);
        }
        falls
    }

    /// The fault has fallen.
    pub(super) fn fell(&mut self, fault: Fault) {
        self.faults.add(fault);
        self.note(Happened::Fell(fault));
    }

    pub(super) fn note(&mut self, what: Happened) {
        self.trace.note(self.now, what);
    }

    /// Names a new entry.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.entries += 1;
        self.entries
    }

    /// What is said is a violation unless this holds.
    pub(super) fn check(&mut self, holds: bool, said: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some(said());
        }
    }
}
