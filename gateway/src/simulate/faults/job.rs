use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use framegate_batcher::{Job, Removal};
use framegate_proto::ErrorCode;

/// Names an entry of a run, through all returns and replicas.
pub(super) type Ticket = u64;

/// What a pool queues in a run. A clone is the same job.
#[derive(Debug, Clone)]
pub(super) struct FaultyJob(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ticket: Ticket,
    poison: Option<Poison>,
    mailbox: Mailbox,
    departed: AtomicBool,
}

/// What is wrong with a frame for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poison {
    Undecodable,
    Errs,
    Crashes,
}

/// How an entry has left a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Served,
    Failed(ErrorCode),
    Removed(Removal),
}

/// What jobs were told, in that order. Unlike a client, it keeps a second answer too.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<Vec<(Ticket, End)>>>);

impl FaultyJob {
    pub(super) fn new(ticket: Ticket, poison: Option<Poison>, mailbox: &Mailbox) -> Self {
        let (mailbox, departed) = (mailbox.clone(), AtomicBool::new(false));
        Self(Arc::new(Shared { ticket, poison, mailbox, departed }))
    }

    pub(super) fn ticket(&self) -> Ticket {
        self.0.ticket
    }

    pub(super) fn poison(&self) -> Option<Poison> {
        self.0.poison
    }

    pub(super) fn has_departed(&self) -> bool {
        self.0.departed.load(Ordering::Relaxed)
    }

    pub(super) fn answer(&self, result: Result<(), ErrorCode>) {
        self.0.mailbox.put(self.0.ticket, result.map_or_else(End::Failed, |()| End::Served));
    }
}

impl Job for FaultyJob {
    fn removed(&self, why: Removal) {
        self.0.departed.store(true, Ordering::Relaxed);
        self.0.mailbox.put(self.0.ticket, End::Removed(why));
    }
}

impl End {
    /// The error that it is to who waits; none if it was served.
    pub(super) fn error(self) -> Option<ErrorCode> {
        match self {
            Self::Served => None,
            Self::Failed(code) => Some(code),
            Self::Removed(Removal::Cancelled) => Some(ErrorCode::Cancelled),
            Self::Removed(Removal::Expired) => Some(ErrorCode::FrameTooOld),
            Self::Removed(Removal::Superseded) => Some(ErrorCode::Superseded),
            Self::Removed(Removal::Discarded | Removal::Closed) => Some(ErrorCode::Draining),
        }
    }
}

impl Mailbox {
    fn put(&self, ticket: Ticket, end: End) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, end));
    }

    pub(super) fn take(&self) -> Vec<(Ticket, End)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
