use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};

use framegate_replica::Served;

/// The results that passed by last, kept only while somebody watches: otherwise a result costs one
/// look at a number.
#[derive(Default)]
pub struct Latest {
    watches: AtomicUsize,
    /// Newest last.
    ring: Mutex<VecDeque<Arc<Passed>>>,
}

/// A result that passed by.
#[derive(Debug)]
pub struct Passed {
    /// The camera, if the request named one.
    pub camera_id: Option<Arc<str>>,
    /// When the frame was captured, if the request says.
    pub captured_at: Option<SystemTime>,
    /// The result.
    pub served: Served,
}

/// Results are kept as long as one of these lives.
pub struct ResultWatch {
    latest: Arc<Latest>,
}

/// How many results are kept.
pub const KEPT: usize = 64;

impl Latest {
    /// Results are kept from now on, until the watch is dropped.
    pub fn watch(self: &Arc<Self>) -> ResultWatch {
        self.watches.fetch_add(1, Relaxed);
        ResultWatch { latest: self.clone() }
    }

    /// A result passes by. `passed` makes what is kept of it, if anything is.
    pub fn pass(&self, passed: impl FnOnce() -> Passed) {
        if self.watches.load(Relaxed) == 0 {
            return;
        }
        let passed = Arc::new(passed());
        let mut ring = self.lock();
        // The last watch may have gone meanwhile; it emptied the ring under this lock.
        if self.watches.load(Relaxed) == 0 {
            return;
        }
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(passed);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Passed>>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResultWatch {
    /// At most `most` of the results, newest first.
    pub fn results(&self, most: usize) -> Vec<Arc<Passed>> {
        self.latest.lock().iter().rev().take(most).cloned().collect()
    }
}

impl Drop for ResultWatch {
    fn drop(&mut self) {
        let mut ring = self.latest.lock();
        if self.latest.watches.fetch_sub(1, Relaxed) == 1 {
            ring.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use framegate_replica::{ModelOutput, Timings};

    use super::*;

    fn passed(batch_size: u32) -> Passed {
        let served = Served {
            model: "m".into(),
            version: "1".into(),
            replica: "m-1".into(),
            batch_size,
            output: ModelOutput::Embedding(Vec::new()),
            timings: Timings::default(),
        };
        Passed { camera_id: None, captured_at: None, served }
    }

    fn sizes(watch: &ResultWatch, most: usize) -> Vec<u32> {
        watch.results(most).iter().map(|passed| passed.served.batch_size).collect()
    }

    #[test]
    fn nothing_is_kept_or_made_while_nobody_watches() {
        let latest = Arc::new(Latest::default());
        latest.pass(|| panic!("nobody watches"));
        let (first, second) = (latest.watch(), latest.watch());
        latest.pass(|| passed(1));
        drop(first);
        assert_eq!(sizes(&second, 9), [1]);
        drop(second);
        latest.pass(|| panic!("nobody watches"));
        assert!(sizes(&latest.watch(), 9).is_empty());
    }

    #[test]
    fn the_newest_are_kept_newest_first() {
        let latest = Arc::new(Latest::default());
        let watch = latest.watch();
        (0..100).for_each(|size| latest.pass(|| passed(size)));
        assert_eq!(sizes(&watch, 3), [99, 98, 97]);
        assert_eq!(sizes(&watch, 1000).len(), KEPT);
    }
}
