use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Counts what has been taken from the topics and is not done, so that it can be bounded.
///
/// Only the consumer's thread adds, and it asks [`InFlight::has_room`] first; so the count never
/// passes the bound, and the bytes pass theirs by one record at most.
#[derive(Debug)]
pub struct InFlight {
    records: AtomicUsize,
    bytes: AtomicUsize,
    max_records: usize,
    idle: Notify,
}

/// The place of one record; dropping it makes room.
#[derive(Debug)]
pub struct Permit {
    of: Arc<InFlight>,
    bytes: usize,
}

/// Bytes that something in flight takes beside its record; dropping it makes room.
#[derive(Debug)]
pub struct HeldBytes {
    of: Arc<InFlight>,
    bytes: usize,
}

/// Values, keys and headers are kept for the dead-letter topic; together they may hold this much.
const MAX_BYTES: usize = 64 * 1024 * 1024;

impl InFlight {
    /// Nothing in flight, with room for `max_records`.
    pub fn new(max_records: usize) -> Arc<Self> {
        Arc::new(Self {
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            max_records,
            idle: Notify::new(),
        })
    }

    /// Whether one more record may be taken.
    pub fn has_room(&self) -> bool {
        self.fill() < 1.0
    }

    /// How full it is: 1 at the bound of records or of bytes, whichever is nearer.
    pub fn fill(&self) -> f64 {
        let records = self.records() as f64 / self.max_records as f64;
        let bytes = self.bytes.load(Ordering::Relaxed) as f64 / MAX_BYTES as f64;
        records.max(bytes)
    }

    /// Records in flight.
    pub fn records(&self) -> usize {
        self.records.load(Ordering::Acquire)
    }

    /// Takes a place for a record of `bytes`.
    pub fn admit(self: &Arc<Self>, bytes: usize) -> Permit {
        self.records.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Permit { of: Arc::clone(self), bytes }
    }

    /// Counts `bytes` of a result that waits for its record's turn. That may pass the bound, by the
    /// results of what is in flight already: no more is taken then.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> HeldBytes {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        HeldBytes { of: Arc::clone(self), bytes }
    }

    /// The bytes of what is in flight.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Waits until nothing is in flight.
    pub async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            tokio::pin!(notified);
            // Enabled before the count is read, so a permit dropped in between is not missed.
            notified.as_mut().enable();
            if self.records() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        if self.of.records.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.of.idle.notify_waiters();
        }
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_and_idleness_follow_the_permits() {
        let in_flight = InFlight::new(2);
        let first = in_flight.admit(10);
        let second = in_flight.admit(10);
        assert!(!in_flight.has_room());
        drop(first);
        assert!(in_flight.has_room());
        let waiting = tokio::spawn({
            let in_flight = Arc::clone(&in_flight);
            async move { in_flight.idle().await }
        });
        drop(second);
        waiting.await.unwrap();
        assert_eq!((in_flight.records(), in_flight.bytes.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn bytes_bound_it_too() {
        let in_flight = InFlight::new(100);
        let large = in_flight.admit(MAX_BYTES);
        assert!(!in_flight.has_room());
        drop(large);
        assert!(in_flight.has_room());
    }
}
