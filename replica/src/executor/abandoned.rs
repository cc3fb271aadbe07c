use std::{
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
};

/// The threads of a pool that hang in a batch and were given up. Nothing can end a thread from
/// outside, so they stay until they end by themselves.
#[derive(Debug, Default)]
pub struct Abandoned {
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Abandoned {
    /// With so many, no replica is started any more.
    pub const MOST: usize = 2;

    pub(super) fn add(&self, thread: JoinHandle<()>) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// How many hang now.
    pub fn count(&self) -> usize {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.len()
    }
}
