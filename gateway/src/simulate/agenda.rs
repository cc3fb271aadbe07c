use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// What happens when, since the start: in the order of time, and at one time in the order in which
/// it was entered, so that a run can be repeated.
#[derive(Debug)]
pub(super) struct Agenda<E> {
    entered: u64,
    events: BinaryHeap<Reverse<(Duration, u64, E)>>,
}

impl<E: Ord> Default for Agenda<E> {
    fn default() -> Self {
        Self { entered: 0, events: BinaryHeap::new() }
    }
}

impl<E: Ord> Agenda<E> {
    pub(super) fn enter(&mut self, at: Duration, event: E) {
        self.events.push(Reverse((at, self.entered, event)));
        self.entered += 1;
    }

    /// When the next event is.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.events.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(Duration, E)> {
        self.events.pop().map(|Reverse((at, _, event))| (at, event))
    }
}
