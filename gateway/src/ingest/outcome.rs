//! What the answer of one entry means for its record. Pure.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use framegate_proto::{ErrorCode, ServeError};

use crate::policy::Retries;

/// How a (record, model) ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// Every sink has acknowledged the result.
    Delivered,
    /// The policy had it dropped, and the drop log says so.
    Dropped(DropReason),
    /// The dead-letter topic has acknowledged it; without one, the sinks have, as an error result.
    DeadLettered(ErrorCode),
}

/// Why the policy drops an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Older than `max_frame_age`.
    TooOld,
    /// A newer frame of its camera took its place (`overload: latest_only`).
    Superseded,
    /// Not one of every n (`overload: { every_nth: n }`).
    Nth,
    /// Passed over unread, with others of its partition, because all of them were older than
    /// `max_frame_age`.
    Skipped,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Log the drop; then the entry has ended.
    Drop(DropReason),
    /// Queue the entry again after this time. It has not ended, and holds its offset.
    Retry(Duration),
    /// Dead-letter the entry; then it has ended.
    DeadLetter,
    /// Forget the entry without an outcome: whoever gets its partition next reads it again.
    Abandon,
}

/// How often an entry has been tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// Tries that failed through the record, its frame or the model: these are limited.
    pub failed: u32,
    /// Tries that failed because something was away or full: these are not.
    pub deferred: u32,
}

/// No wait before a further try is longer than this.
pub const MAX_BACKOFF: Duration = Duration::from_secs(5);

impl DropReason {
    /// All reasons.
    pub const ALL: &[Self] = &[Self::TooOld, Self::Superseded, Self::Nth, Self::Skipped];

    /// The name that the drop log, results and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::Superseded => "superseded",
            Self::Nth => "nth",
            Self::Skipped => "skipped",
        }
    }
}

impl OutcomeKind {
    /// Every outcome there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        let drops = DropReason::ALL.iter().map(|reason| Self::Dropped(*reason));
        let dead_letters = ErrorCode::ALL.iter().map(|code| Self::DeadLettered(*code));
        std::iter::once(Self::Delivered).chain(drops).chain(dead_letters)
    }

    /// Its name and, where it has one, its reason.
    pub const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Delivered => ("delivered", ""),
            Self::Dropped(reason) => ("dropped", reason.name()),
            Self::DeadLettered(code) => ("dead_lettered", code.reason()),
        }
    }
}

impl Tries {
    /// The count after an answer with this error.
    #[must_use]
    pub fn after(self, code: ErrorCode) -> Self {
        match class(code) {
            Class::Deferred => Self { deferred: self.deferred.saturating_add(1), ..self },
            _ => Self { failed: self.failed.saturating_add(1), ..self },
        }
    }
}

/// What an error says about the record.
enum Class {
    /// Nothing: something else is away or full.
    Deferred,
    /// It may be the record, or a passing fault.
    Doubtful,
    /// It came too late.
    Late,
    /// Something newer came.
    Superseded,
    /// It can never be served.
    Hopeless,
}

/// Judges an error of an entry that has been tried `tries` times, this one included. `spread`
/// names the entry, so that entries which failed together come back apart.
pub fn judge(
    error: &ServeError,
    tries: Tries,
    retries: &Retries,
    stopping: bool,
    spread: impl Hash,
) -> Verdict {
    match class(error.code) {
        Class::Late => Verdict::Drop(DropReason::TooOld),
        Class::Superseded => Verdict::Drop(DropReason::Superseded),
        Class::Hopeless => Verdict::DeadLetter,
        Class::Doubtful if tries.failed >= retries.attempts => Verdict::DeadLetter,
        Class::Doubtful | Class::Deferred if stopping => Verdict::Abandon,
        Class::Doubtful => Verdict::Retry(backoff(retries.backoff, tries.failed, spread)),
        Class::Deferred => Verdict::Retry(backoff(retries.backoff, tries.deferred, spread)),
    }
}

/// The wait before the try after the `tries`-th: doubles from `base` to [`MAX_BACKOFF`], less up to
/// a half of it. The part is hashed from `spread`, which needs no source of randomness.
pub fn backoff(base: Duration, tries: u32, spread: impl Hash) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let longest = base.saturating_mul(1 << doublings).min(MAX_BACKOFF);
    let mut hasher = DefaultHasher::new();
    (spread, tries).hash(&mut hasher);
    let part = (hasher.finish() % 1024) as f64 / 2048.0;
    longest.mul_f64(1.0 - part)
}

fn class(code: ErrorCode) -> Class {
    match code {
        ErrorCode::QueueFull
        | ErrorCode::Draining
        | ErrorCode::NoReplica
        | ErrorCode::BucketUnavailable => Class::Deferred,
        ErrorCode::FrameTooOld | ErrorCode::DeadlineExceeded => Class::Late,
        ErrorCode::Superseded => Class::Superseded,
        // Nobody cancels an ingest entry, so `Cancelled` is a fault like an internal one.
        ErrorCode::ObjectNotFound
        | ErrorCode::BackendFailed
        | ErrorCode::ReplicaCrashed
        | ErrorCode::ReplicaHung
        | ErrorCode::Internal
        | ErrorCode::Cancelled => Class::Doubtful,
        ErrorCode::InvalidRequest
        | ErrorCode::MessageTooLarge
        | ErrorCode::UnknownModel
        | ErrorCode::UnknownReplica
        | ErrorCode::TooManyWatches
        | ErrorCode::MalformedReference
        | ErrorCode::ReferenceNotAllowed
        | ErrorCode::ObjectTooLarge
        | ErrorCode::ImageTooLarge
        | ErrorCode::FrameUndecodable
        | ErrorCode::RegionOutsideFrame => Class::Hopeless,
    }
}

#[cfg(test)]
mod tests;
