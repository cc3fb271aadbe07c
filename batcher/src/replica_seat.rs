//! A replica's side of the queue.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::entry::{Charge, Claimed, EntryId, Job};
use crate::limits::BatchLimits;
use crate::pool::Shared;
use crate::seats::SeatId;
use crate::state::State;

/// The seat of a running replica at its pool's queue.
///
/// The replica claims entries, loads them, starts a batch, and finishes or gives back each entry.
/// Until it has finished an entry it may lose it: by cancellation, expiry or, if unstarted, to an
/// idle replica. All answers here take that into account.
///
/// Dropping the seat gives everything back: what is unstarted free of charge, what is executing as
/// suspect, since then the replica died with it. So finish or give back a batch before the drop.
#[must_use = "a replica without its seat gets no work"]
pub struct ReplicaSeat<J: Job> {
    shared: Arc<Shared<J>>,
    id: SeatId,
    /// Rung when the replica is to look again; keeps one permit if nobody listens just then.
    bell: Arc<Notify>,
}

impl<J: Job> ReplicaSeat<J> {
    pub(crate) fn new(shared: Arc<Shared<J>>, id: SeatId, bell: Arc<Notify>) -> Self {
        Self { shared, id, bell }
    }

    /// Takes up to `room` entries, in the order in which to execute them, and never waits.
    ///
    /// From the queue at most this replica's share, at least one if it holds nothing unstarted;
    /// if the queue is empty and the replica idle, half of the largest unstarted claim of another.
    /// Unstarted entries never exceed `max_batch_size`. A single claim leaves the others their
    /// turn; before it forms a batch, a replica claims [all](Self::claim_all).
    ///
    /// A claim that does not fill its room is followed by [`woken`](Self::woken) when there is
    /// more. One that does is followed by it only after a start, a finish or a return; whoever has
    /// room for another reason claims by himself.
    pub fn claim(&mut self, room: usize) -> Vec<Claimed<J>> {
        self.shared.with(|state| state.claim(self.id, room))
    }

    /// Claims until there is no room or nothing more for it, in one step, by the bounds of batches as
    /// they are now.
    pub fn claim_all(&mut self) -> (BatchLimits, Vec<Claimed<J>>) {
        self.shared.with(|state| state.claim_all(self.id))
    }

    /// Waits until there may be something to claim, or until an entry of this seat has left it.
    ///
    /// Nothing is missed between a claim and this call, nor when it is dropped and called again:
    /// the bell keeps a permit.
    pub async fn woken(&self) {
        self.bell.notified().await;
    }

    /// Its name in the pool.
    #[must_use]
    pub fn id(&self) -> SeatId {
        self.id
    }

    /// Whether the entry is still this seat's: not cancelled, expired, recalled, finished or given back.
    #[must_use]
    pub fn is_wanted(&self, id: EntryId) -> bool {
        self.shared.ask(|state| state.is_held(self.id, id))
    }

    /// Marks those entries as executing that are still this seat's and unstarted, and returns
    /// them in their order. From here on they cannot be recalled.
    #[must_use = "only these may be executed"]
    pub fn start(&mut self, ids: &[EntryId]) -> Vec<EntryId> {
        self.shared.with(|state| state.start(self.id, ids))
    }

    /// Ends an entry, started or not, and returns the job to be answered; none if it has left.
    #[must_use = "the job is to be answered"]
    pub fn finish(&mut self, id: EntryId) -> Option<J> {
        self.shared.with(|state| state.finish(self.id, id))
    }

    /// The same for all entries of a batch, in their order.
    #[must_use = "the jobs are to be answered"]
    pub fn finish_all(&mut self, ids: &[EntryId]) -> Vec<Option<J>> {
        let finish =
            |state: &mut State<J>| ids.iter().map(|&id| state.finish(self.id, id)).collect();
        self.shared.with(finish)
    }

    /// Puts entries back at their old places in their own lines, above the bound if need be.
    /// Those that have left are passed over.
    pub fn give_back(&mut self, ids: &[EntryId], charge: Charge) {
        self.shared.with(|state| state.give_back(self.id, ids, charge));
    }

    /// Starts to drain: gives back what is unstarted and claims nothing more. What is executing
    /// goes on. The other replicas share the work without this one.
    pub fn stop_claiming(&mut self) {
        self.shared.with(|state| state.stop_claiming(self.id));
    }

    /// The bounds of batches, as they are now.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        self.shared.ask(State::batch_limits)
    }

    /// How many entries the seat holds: unstarted, executing.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.shared.ask(|state| state.counts(self.id))
    }
}

impl<J: Job> Drop for ReplicaSeat<J> {
    fn drop(&mut self) {
        self.shared.with(|state| state.leave(self.id));
    }
}

impl<J: Job> fmt::Debug for ReplicaSeat<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unstarted, executing) = self.counts();
        f.debug_struct("ReplicaSeat")
            .field("id", &self.id)
            .field("unstarted", &unstarted)
            .field("executing", &executing)
            .finish()
    }
}
