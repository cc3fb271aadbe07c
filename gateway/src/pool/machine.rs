use std::sync::{Arc, Mutex, PoisonError};

/// The threads that all replicas of this machine may have together (`limits.replica_threads`).
#[derive(Debug, Clone)]
pub struct MachineThreads {
    free: Arc<Mutex<usize>>,
}

/// Threads of one replica; dropping it frees them.
#[derive(Debug)]
pub struct ThreadPermit {
    machine: MachineThreads,
    threads: usize,
}

impl MachineThreads {
    /// A machine with this many threads for replicas.
    pub fn new(threads: usize) -> Self {
        Self { free: Arc::new(Mutex::new(threads)) }
    }

    /// How many replicas of `threads` each could start now. A replica without threads of its own
    /// is never limited.
    pub fn room_for(&self, threads: usize) -> u32 {
        let free = *self.free.lock().unwrap_or_else(PoisonError::into_inner);
        match free.checked_div(threads) {
            Some(replicas) => u32::try_from(replicas).unwrap_or(u32::MAX),
            None => u32::MAX,
        }
    }

    /// Takes `threads`, if they are free.
    pub fn take(&self, threads: usize) -> Option<ThreadPermit> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(threads)?;
        Some(ThreadPermit { machine: self.clone(), threads })
    }
}

impl Drop for ThreadPermit {
    fn drop(&mut self) {
        *self.machine.free.lock().unwrap_or_else(PoisonError::into_inner) += self.threads;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back() {
        let machine = MachineThreads::new(5);
        let first = machine.take(2).expect("5 are free");
        assert_eq!((machine.room_for(2), machine.room_for(0)), (1, u32::MAX));
        assert!(machine.take(4).is_none());
        drop(first);
        assert_eq!(machine.room_for(1), 5);
    }
}
