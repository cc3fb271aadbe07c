use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A bucket that is away fails every fetch; the log needs one in this time.
const EVERY: Duration = Duration::from_secs(5);

/// Lets one complaint through now and then, and counts the others.
pub(super) struct Complaints {
    start: Instant,
    /// When the next may be said, in milliseconds from the start.
    next: AtomicU64,
    unsaid: AtomicU64,
}

impl Default for Complaints {
    fn default() -> Self {
        let (next, unsaid) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { start: Instant::now(), next, unsaid }
    }
}

impl Complaints {
    /// Whether to complain now: then, how many times it was not since the last time.
    pub(super) fn may_speak(&self) -> Option<u64> {
        self.may_speak_after(self.start.elapsed())
    }

    fn may_speak_after(&self, since_start: Duration) -> Option<u64> {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = milliseconds(since_start);
        let next = self.next.load(Relaxed);
        // Of several that come together, the one that moves the time on speaks.
        let speaks = now >= next
            && self
                .next
                .compare_exchange(next, now + milliseconds(EVERY), Relaxed, Relaxed)
                .is_ok();
        if speaks {
            return Some(self.unsaid.swap(0, Relaxed));
        }
        self.unsaid.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_while_is_said_and_the_others_are_counted() {
        let complaints = Complaints::default();
        let at = |milliseconds| complaints.may_speak_after(Duration::from_millis(milliseconds));
        assert_eq!([at(0), at(1), at(4_999)], [Some(0), None, None]);
        assert_eq!([at(5_000), at(5_001), at(20_000)], [Some(2), None, Some(1)]);
    }
}
