//! The queue of one pool, shared by everything that submits to it or claims from it.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::effects::{Effects, Waiters};
use crate::entry::{EntryId, Job, NewEntry, Origin, Removal};
use crate::limits::{BatchLimits, PoolLimits, PoolSnapshot, SubmitError, Turnover};
use crate::replica_seat::ReplicaSeat;
use crate::seats::SeatId;
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
    clock: Clock,
    state: Mutex<State<J>>,
    waiters: Waiters,
    /// Seats that were woken, under a simulated clock.
    woken: Mutex<Vec<SeatId>>,
}

impl<J: Job> PoolQueue<J> {
    /// An empty queue without replicas.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        Self::with_clock(limits, Clock::default())
    }

    /// The same by another clock. What waits for time to pass ([`expire_due`](Self::expire_due))
    /// goes by the real one.
    #[must_use]
    pub fn with_clock(limits: PoolLimits, clock: Clock) -> Self {
        let state = Mutex::new(State::new(limits, clock.now()));
        Self {
            shared: Arc::new(Shared {
                clock,
                state,
                waiters: Waiters::default(),
                woken: Mutex::default(),
            }),
        }
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

    /// The bounds of batches, as they are now.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        self.shared.ask(State::batch_limits)
    }

    /// Sets other bounds of batches, from the next claim on. A replica that holds more than a batch
    /// unstarted keeps it.
    pub fn set_batch_limits(&self, batch: BatchLimits) {
        self.shared.with(|state| state.set_batch_limits(batch));
    }

    /// Sets how many entries may wait, and how many of them may come from ingest. Those that wait
    /// already stay, above the bound if need be.
    pub fn set_queue_limits(&self, max_queued: usize, max_queued_ingest: usize) {
        self.shared.with(|state| state.set_queue_limits(max_queued, max_queued_ingest));
    }

    /// The counts of this instant.
    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        self.shared.ask(State::snapshot)
    }

    /// How many entries are ongoing.
    #[must_use]
    pub fn ongoing(&self) -> usize {
        self.shared.ask(|state| state.ongoing(None))
    }

    /// The integral of ongoing entries over time since the queue was made, in entry-seconds.
    /// The difference of two readings over the time between them is the mean demand.
    #[must_use]
    pub fn ongoing_area(&self) -> f64 {
        self.shared.ask(State::ongoing_area)
    }

    /// What was finished and what was shed since the queue was made.
    #[must_use]
    pub fn turnover(&self) -> Turnover {
        self.shared.ask(State::turnover)
    }

    /// The seats that were woken since the last call, in that order, under a simulated clock: for
    /// whoever drives the replicas by hand, and does not wait for [`ReplicaSeat::woken`].
    #[must_use]
    pub fn take_woken(&self) -> Vec<SeatId> {
        mem::take(&mut *self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the next entry is due; none if none has a deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.shared.ask(State::next_deadline)
    }

    /// Removes entries when they are due, forever. Run it once, beside the pool.
    pub async fn expire_due(&self) {
        loop {
            // Asking lets time pass, which removes what is due. A deadline that comes up between
            // the question and the wait leaves a permit, which ends the wait at once.
            let next_deadline = self.next_deadline();
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
            if self.shared.ask(|state| state.ongoing(origin)) == 0 {
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
            state.advance(self.clock.now());
            let answer = operation(&mut state);
            (answer, state.settle())
        };
        self.apply(effects);
        answer
    }

    /// A question about the present instant. Unless time alone changes something, nobody is to be
    /// woken for it.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&State<J>) -> T) -> T {
        let (answer, effects) = {
            let mut state = self.lock();
            state.advance(self.clock.now());
            let answer = question(&state);
            (answer, (!state.is_settled()).then(|| state.settle()))
        };
        if let Some(effects) = effects {
            self.apply(effects);
        }
        answer
    }

    fn apply(&self, effects: Effects<J>) {
        if self.clock.is_simulated() && !effects.bells.is_empty() {
            let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
            woken.extend(effects.bells.iter().map(|(seat, _)| *seat));
        }
        effects.apply(&self.waiters);
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
