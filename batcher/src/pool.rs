//! The queue of one pool, shared by everything that submits to it or claims from it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, timeout_at};

use crate::effects::Waiters;
use crate::entry::{EntryId, Job, NewEntry, Origin, Removal};
use crate::limits::{PoolLimits, PoolSnapshot, SubmitError, Turnover};
use crate::replica_seat::ReplicaSeat;
use crate::state::State;

/// The queue of one pool. Clones are the same queue.
///
/// An entry counts as *ongoing* from its submission until it is finished or removed: queued,
/// claimed or executing. When the last clone and the last seat are dropped, what is left is
/// removed as [`Removal::Closed`].
pub struct PoolQueue<J: Job> {
    shared: Arc<Shared<J>>,
}

/// The state and who waits for it to change.
pub(crate) struct Shared<J: Job> {
    state: Mutex<State<J>>,
    waiters: Waiters,
}

impl<J: Job> PoolQueue<J> {
    /// An empty queue without replicas.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        let state = Mutex::new(State::new(limits, Instant::now()));
        Self { shared: Arc::new(Shared { state, waiters: Waiters::default() }) }
    }

    /// Queues an entry at once, or says why not. One of a [`Latest`](crate::Latest) stream takes
    /// the place of an older one that waits, in the bounds and in the line, and so needs no other.
    ///
    /// # Errors
    /// [`SubmitError`]: a bound is reached, the pool is closed, the deadline has passed, or a newer
    /// entry of its stream waits.
    pub fn submit(&self, entry: NewEntry<J>) -> Result<EntryId, SubmitError> {
        self.shared.with(|state| state.submit(&entry))
    }

    /// Removes an entry, queued, claimed or executing: its place and its count are free at once.
    /// False if it has left already.
    pub fn cancel(&self, id: EntryId) -> bool {
        self.shared.with(|state| state.remove(id, Removal::Cancelled))
    }

    /// Removes the entries of an origin that no replica executes yet, and says how many.
    pub fn discard_unstarted(&self, origin: Origin) -> usize {
        self.shared.with(|state| state.discard_unstarted(origin))
    }

    /// Refuses entries from now on; those that are in go on.
    pub fn stop_accepting(&self) {
        self.shared.with(State::stop_accepting);
    }

    /// Refuses entries from now on and removes all that are in, executing ones too. Says how many.
    pub fn close(&self) -> usize {
        self.shared.with(State::close)
    }

    /// A running replica takes its seat. It may claim, or recall from others, at once.
    pub fn register(&self) -> ReplicaSeat<J> {
        let (id, bell) = self.shared.with(State::register);
        ReplicaSeat::new(Arc::clone(&self.shared), id, bell)
    }

    /// The counts of this instant.
    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        self.shared.with(|state| state.snapshot())
    }

    /// The integral of ongoing entries over time since the queue was made, in entry-seconds.
    /// The difference of two readings over the time between them is the mean demand.
    #[must_use]
    pub fn ongoing_area(&self) -> f64 {
        self.shared.with(|state| state.ongoing_area())
    }

    /// What was finished and what was shed since the queue was made.
    #[must_use]
    pub fn turnover(&self) -> Turnover {
        self.shared.with(|state| state.turnover())
    }

    /// Removes entries when they are due, forever. Run it once, beside the pool.
    pub async fn expire_due(&self) {
        loop {
            // Asking lets time pass, which removes what is due. A deadline that comes up between
            // the question and the wait leaves a permit, which ends the wait at once.
            let next_deadline = self.shared.with(|state| state.next_deadline());
            let moved = self.shared.waiters.deadline_moved.notified();
            match next_deadline {
                // Either way the deadlines are looked at again.
                Some(deadline) => drop(timeout_at(deadline, moved).await),
                None => moved.await,
            }
        }
    }

    /// Waits until more than so many entries are ongoing.
    pub async fn demand_above(&self, ongoing: usize) {
        loop {
            // Made before the question, so that it hears of every change after it.
            let rose = self.shared.waiters.demand_rose.notified();
            if self.shared.with(|state| state.is_demand_above(ongoing)) {
                return;
            }
            rose.await;
        }
    }

    /// Waits until no entry, of this origin or at all, is ongoing.
    pub async fn drained(&self, origin: Option<Origin>) {
        loop {
            // Made before the question, so that it hears of every change after it.
            let emptied = self.shared.waiters.emptied.notified();
            if self.shared.with(|state| state.ongoing(origin)) == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl<J: Job> Shared<J> {
    /// One operation at the present instant; what follows from it is done after the lock is released.
    pub(crate) fn with<T>(&self, operation: impl FnOnce(&mut State<J>) -> T) -> T {
        let (answer, effects) = {
            let mut state = self.lock();
            state.advance(Instant::now());
            let answer = operation(&mut state);
            (answer, state.settle())
        };
        effects.apply(&self.waiters);
        answer
    }

    /// No code of a job but its `clone` runs under the lock, so it is not poisoned in practice.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Job> Drop for Shared<J> {
    fn drop(&mut self) {
        self.with(State::close);
    }
}

impl<J: Job> Clone for PoolQueue<J> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<J: Job> fmt::Debug for PoolQueue<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PoolQueue").field(&self.snapshot()).finish()
    }
}
