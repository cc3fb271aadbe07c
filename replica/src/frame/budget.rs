//! The shared byte budget of decoded frames: who may hold how many pixels, and what is kept.
//!
//! Bytes are *pinned* while a frame is decoded or read, and *cached* when nobody reads it any more.
//! Cached bytes may be evicted at any moment, least recently used first; pinned ones never. So
//! `pinned + cached <= limit` always holds, except that one frame which is larger than the limit
//! may be pinned when nothing else is.
//!
//! Nothing here can block for ever: permits are given in the order of asking, a waiter needs pinned
//! bytes only to go, and whoever pins bytes waits for nothing (see `loader.rs`). Pinning what is
//! cached needs no permit, for the sum stays the same; it cannot starve a waiter, because new frames
//! only come behind it in the line and each cached one is read a bounded number of times.

mod ledger;

use std::{
    collections::VecDeque,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use self::ledger::Ledger;

/// A budget of bytes for values of `T`.
pub(super) struct Budget<T> {
    shared: Arc<Shared<T>>,
}

/// Leave to hold this many bytes; a guard.
pub(super) struct Permit<T> {
    shared: Arc<Shared<T>>,
    bytes: u64,
}

/// A value that may be evicted unless it is pinned. When this is dropped, the value goes with it.
pub(super) struct Kept<T> {
    shared: Arc<Shared<T>>,
    key: u64,
}

/// A value that stays until this guard is dropped.
pub(super) struct Pinned<T> {
    /// Stands first, so that the value is let go before its bytes are counted as free.
    value: Arc<T>,
    _hold: Hold<T>,
}

/// How much of the byte budget is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetStats {
    /// Bytes that may be held.
    pub limit: u64,
    /// Bytes of frames that are being decoded or resized.
    pub pinned: u64,
    /// Bytes of frames that are kept for their other models, and may be evicted.
    pub cached: u64,
    /// Loads that wait for bytes.
    pub waiters: usize,
    /// Frames that were evicted while a request still held them, since the start.
    pub evictions: u64,
}

struct Shared<T> {
    /// Locked for a few steps of bookkeeping; never while a value is dropped or a waiter woken.
    state: Mutex<State<T>>,
}

struct State<T> {
    ledger: Ledger<T>,
    /// Who waits, in the order of asking. At most one for each load in its slot.
    line: VecDeque<Waiter<T>>,
}

struct Waiter<T> {
    bytes: u64,
    permit: oneshot::Sender<Permit<T>>,
}

/// A waiter's end of its place in the line.
struct Place<T> {
    shared: Arc<Shared<T>>,
    permit: oneshot::Receiver<Permit<T>>,
}

/// One pin of a value.
struct Hold<T> {
    shared: Arc<Shared<T>>,
    key: u64,
}

impl<T> Budget<T> {
    /// A budget of `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        let state = State { ledger: Ledger::new(limit), line: VecDeque::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// A permit, if it can be had at once and nobody waits.
    pub(super) fn try_claim(&self, bytes: u64) -> Option<Permit<T>> {
        let mut evicted = Vec::new();
        let mut state = self.shared.lock();
        let admitted = state.line.is_empty() && state.ledger.admit(bytes, &mut evicted);
        drop(state);
        admitted.then(|| Permit { shared: Arc::clone(&self.shared), bytes })
    }

    /// A permit, when its turn has come. More than the whole limit is given when nothing else is
    /// pinned. If the future is dropped, its place closes up and nothing is held.
    #[expect(clippy::expect_used, reason = "cannot fail, as said where it is called")]
    pub(super) async fn claim(&self, bytes: u64) -> Permit<T> {
        let mut place = self.join_line(bytes);
        // The line lets a sender go only with a permit, or once its receiver is closed, which
        // happens when the place is dropped and not before.
        (&mut place.permit).await.expect("a place in the line ends with a permit")
    }

    fn join_line(&self, bytes: u64) -> Place<T> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.shared.lock();
        state.line.push_back(Waiter { bytes, permit: sender });
        self.shared.settle(state, None);
        Place { shared: Arc::clone(&self.shared), permit: receiver }
    }

    /// Sets another limit. What is pinned above it stays until it is read; what is cached goes when
    /// somebody wants its bytes.
    pub(super) fn set_limit(&self, limit: u64) {
        let mut state = self.shared.lock();
        state.ledger.limit = limit;
        self.shared.settle(state, None);
    }

    pub(super) fn stats(&self) -> BudgetStats {
        let State { ledger, line } = &*self.shared.lock();
        BudgetStats {
            limit: ledger.limit,
            pinned: ledger.pinned,
            cached: ledger.cached,
            waiters: line.len(),
            evictions: ledger.evictions,
        }
    }
}

impl<T> Permit<T> {
    /// Puts a value of `bytes` under the permit, at most what it allows; the rest is given back.
    pub(super) fn keep(mut self, value: T, bytes: u64) -> (Kept<T>, Pinned<T>) {
        let value = Arc::new(value);
        let bytes = bytes.min(self.bytes);
        let key = self.shared.lock().ledger.insert(Arc::clone(&value), bytes);
        // From here on the value's pin holds these bytes; dropping the permit frees the others.
        self.bytes -= bytes;
        let kept = Kept { shared: Arc::clone(&self.shared), key };
        let hold = Hold { shared: Arc::clone(&self.shared), key };
        (kept, Pinned { value, _hold: hold })
    }
}

impl<T> Drop for Permit<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ledger.release(self.bytes);
        self.shared.settle(state, None);
    }
}

impl<T> Kept<T> {
    /// The value, pinned, unless it has been evicted. It waits for nothing.
    pub(super) fn pin(&self) -> Option<Pinned<T>> {
        let value = self.shared.lock().ledger.pin(self.key)?;
        let hold = Hold { shared: Arc::clone(&self.shared), key: self.key };
        Some(Pinned { value, _hold: hold })
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        // No waiter gains by it: cached bytes are theirs for the asking.
        let forgotten = self.shared.lock().ledger.forget(self.key);
        drop(forgotten);
    }
}

impl<T> Deref for Pinned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Hold<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let gone = state.ledger.unpin(self.key);
        self.shared.settle(state, gone);
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // Closed first, so that nobody sends to it any more; a permit already sent is dropped with
        // the receiver. Those behind may fit where this one did not.
        self.permit.close();
        self.shared.settle(self.shared.lock(), None);
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No panic can come between the steps of a change, so a poisoned state is whole too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives permits from the head of the line, as far as they fit after a value has gone.
    fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>, gone: Option<Arc<T>>) {
        let mut going = Vec::from_iter(gone);
        let granted = state.grant(&mut going);
        drop(state);
        // The values go before the permits for their bytes are out.
        drop(going);
        for Waiter { bytes, permit } in granted {
            // Where the receiver has just gone, the permit comes back, is dropped and settles again.
            let _ = permit.send(Permit { shared: Arc::clone(self), bytes });
        }
    }
}

impl<T> State<T> {
    fn grant(&mut self, evicted: &mut Vec<Arc<T>>) -> Vec<Waiter<T>> {
        self.line.retain(|waiter| !waiter.permit.is_closed());
        let mut granted = Vec::new();
        while let Some(head) = self.line.front()
            && self.ledger.admit(head.bytes, evicted)
        {
            granted.extend(self.line.pop_front());
        }
        granted
    }
}

#[cfg(test)]
#[path = "tests/budget.rs"]
mod tests;
