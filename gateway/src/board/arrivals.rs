use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};

use tokio::sync::mpsc;

/// What comes in, for whoever records it: while nobody does, a frame costs one look at a number.
#[derive(Default)]
pub struct Arrivals {
    recordings: AtomicUsize,
    senders: Mutex<Vec<Sender>>,
}

/// A frame that came in.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// When.
    pub at: SystemTime,
    /// Its camera, if that is known.
    pub camera_id: Option<Arc<str>>,
    /// For which models.
    pub models: Arc<[Arc<str>]>,
}

/// All that comes in, until it is dropped.
pub struct Recording {
    arrived: mpsc::Receiver<Arrived>,
    missed: Arc<AtomicUsize>,
}

struct Sender {
    arrived: mpsc::Sender<Arrived>,
    missed: Arc<AtomicUsize>,
}

/// Frames that a recording may be behind; it misses what is more.
const BEHIND: usize = 16 * 1024;

impl Arrivals {
    /// A frame comes in. `arrived` makes what is kept of it, if anybody records.
    pub fn note(&self, arrived: impl FnOnce() -> Arrived) {
        if self.recordings.load(Relaxed) == 0 {
            return;
        }
        let arrived = arrived();
        let mut senders = self.lock();
        senders.retain(|sender| !sender.arrived.is_closed());
        for sender in &*senders {
            if sender.arrived.try_send(arrived.clone()).is_err() {
                sender.missed.fetch_add(1, Relaxed);
            }
        }
        self.recordings.store(senders.len(), Relaxed);
    }

    /// Records from now on.
    pub fn record(&self) -> Recording {
        let ((sender, arrived), missed) = (mpsc::channel(BEHIND), Arc::default());
        let mut senders = self.lock();
        senders.push(Sender { arrived: sender, missed: Arc::clone(&missed) });
        self.recordings.store(senders.len(), Relaxed);
        Recording { arrived, missed }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// At most `most` of what came and was not taken, and how much was missed since the beginning.
    pub fn take(&mut self, most: usize) -> (Vec<Arrived>, usize) {
        let arrived = std::iter::from_fn(|| self.arrived.try_recv().ok()).take(most).collect();
        (arrived, self.missed.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived() -> Arrived {
        Arrived { at: SystemTime::now(), camera_id: None, models: [].into() }
    }

    #[test]
    fn nothing_is_made_while_nobody_records() {
        let arrivals = Arrivals::default();
        arrivals.note(|| panic!("nobody records"));
        let mut recording = arrivals.record();
        arrivals.note(arrived);
        assert_eq!(recording.take(9).0.len(), 1);
        assert_eq!(recording.take(9).0.len(), 0);
        drop(recording);
        arrivals.note(arrived);
        arrivals.note(|| panic!("nobody records any more"));
    }

    #[test]
    fn what_nobody_takes_is_missed_and_counted() {
        let arrivals = Arrivals::default();
        let mut recording = arrivals.record();
        (0..BEHIND + 7).for_each(|_| arrivals.note(arrived));
        let (first, missed) = recording.take(100);
        assert_eq!((first.len(), missed), (100, 7));
        assert_eq!(recording.take(usize::MAX).0.len(), BEHIND - 100);
    }
}
