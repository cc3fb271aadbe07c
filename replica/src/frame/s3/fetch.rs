use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use framegate_proto::{ErrorCode, ServeError};

/// How one read of an object went, its tries taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Fetch {
    /// One of [`FETCH_RESULTS`].
    pub result: &'static str,
    /// Tries after the first.
    pub retries: u32,
    /// Bytes of objects that came, those of failed tries included.
    pub bytes: u64,
    /// From the first try to the end.
    pub took: Duration,
}

/// Every result that a read may have: `OK`, the reason of its error, or `DEPARTED` where it was
/// given up because nobody waited for it any more.
pub const FETCH_RESULTS: [&str; 5] = [
    OK,
    ErrorCode::ObjectNotFound.reason(),
    ErrorCode::ObjectTooLarge.reason(),
    ErrorCode::BucketUnavailable.reason(),
    DEPARTED,
];

const OK: &str = "OK";
const DEPARTED: &str = "DEPARTED";

/// Told of every read of an object when it ends.
pub type FetchObserver = Arc<dyn Fn(&S3Fetch) + Send + Sync>;

/// Counts a read; its observer is told however it ends.
pub(super) struct Tally {
    observer: FetchObserver,
    start: Instant,
    result: &'static str,
    tries: AtomicU32,
    bytes: AtomicU64,
}

impl Tally {
    pub(super) fn new(observer: FetchObserver) -> Self {
        let (tries, bytes) = (AtomicU32::new(0), AtomicU64::new(0));
        Self { observer, start: Instant::now(), result: DEPARTED, tries, bytes }
    }

    /// A try begins: how many that makes.
    pub(super) fn next_try(&self) -> u32 {
        self.tries.fetch_add(1, Relaxed) + 1
    }

    /// Bytes came.
    pub(super) fn came(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// It has this answer, and was not given up.
    pub(super) fn ended<T>(&mut self, answer: &Result<T, ServeError>) {
        self.result = answer.as_ref().map_or_else(|error| error.code.reason(), |_| OK);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        (self.observer)(&S3Fetch {
            result: self.result,
            retries: self.tries.load(Relaxed).saturating_sub(1),
            bytes: self.bytes.load(Relaxed),
            took: self.start.elapsed(),
        });
    }
}
