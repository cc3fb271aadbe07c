use std::collections::BTreeMap;

use framegate_batcher::PoolSnapshot;

use super::{Account, End, Instant, Item, Origin, Place, Removal, Scene, SeatId, Ticket};

impl Account {
    /// After every step: nothing is lost, nothing is above its bounds, and the pool counts alike.
    pub(in super::super) fn check(&self, counts: &PoolSnapshot, scene: &mut Scene) {
        let now = scene.instant();
        let mut unstarted: BTreeMap<SeatId, usize> = BTreeMap::new();
        let (mut queued, mut queued_ingest, mut executing) = (0, 0, 0);
        for (entry, item) in &self.items {
            match item.place {
                Place::Queued => {
                    queued += 1;
                    queued_ingest += usize::from(item.is_of_ingest());
                }
                Place::Claimed(seat) => *unstarted.entry(seat).or_default() += 1,
                Place::Executing(_) => executing += 1,
                Place::Left => {
                    scene.check(false, || format!("entry {entry} is lost: it left unanswered"));
                }
            }
            let is_due = item.is_due(now) && item.outcome.is_none();
            scene.check(!is_due, || format!("entry {entry} has outlived its deadline"));
        }
        let window = self.limits.batch.max_batch_size;
        for (seat, held) in &unstarted {
            let within = *held <= window;
            scene.check(within, || format!("{seat:?} holds {held} unstarted, and {window} may be"));
        }
        let claimed = unstarted.values().sum();
        let known = [queued, queued_ingest, claimed, executing];
        let said = [counts.queued, counts.queued_ingest, counts.claimed, counts.executing];
        scene.check(known == said, || {
            format!("queued, of ingest, claimed, executing are {known:?}; the pool says {said:?}")
        });
        self.check_latest(scene);
    }

    /// How many entries have not ended.
    pub(in super::super) fn live(&self) -> usize {
        self.items.len()
    }

    /// Of a camera at most one entry waits where only the newest is to.
    fn check_latest(&self, scene: &mut Scene) {
        let waiting = || self.queued().filter(|item| item.wanted.latest.is_some());
        for (place, item) in waiting().enumerate() {
            let alone = waiting().skip(place + 1).all(|it| it.wanted.line != item.wanted.line);
            scene.check(alone, || format!("two entries of {:?} wait", item.wanted.line));
        }
    }

    /// An entry leaves the queue for a claim: is it the first of its line?
    pub(super) fn check_order(&self, entry: Ticket, scene: &mut Scene) {
        let Some(item) = self.items.get(&entry) else { return };
        let same = self.items.iter().filter(|(_, other)| {
            other.place == Place::Queued && other.wanted.line == item.wanted.line
        });
        let first = same.min_by_key(|(_, other)| other.rank).map(|(&first, _)| first);
        scene.check(first == Some(entry), || {
            format!("entry {entry} was claimed before {first:?}, which came first: order is broken")
        });
    }

    /// An entry has ended: was that a way to end for it?
    pub(super) fn check_end(&self, entry: Ticket, end: End, scene: &mut Scene) {
        let Some(item) = self.items.get(&entry) else { return };
        let now = scene.instant();
        let fits = match end {
            End::Served | End::Failed(_) => !item.is_due(now),
            End::Removed(Removal::Cancelled) => item.is_cancelled,
            End::Removed(Removal::Expired) => {
                // What waits may go before, if it could not be finished in time.
                let waits = item.place == Place::Queued && item.wanted.deadline.is_some();
                item.is_due(now) || waits
            }
            End::Removed(Removal::Superseded) => self.gives_way(item),
            End::Removed(Removal::Discarded) => {
                item.is_of_ingest() && !matches!(item.place, Place::Executing(_))
            }
            End::Removed(Removal::Closed) => self.is_closed,
        };
        scene.check(fits, || format!("entry {entry} cannot end as {end:?}: {item:?}"));
    }

    /// Whether something newer waits in its stead.
    fn gives_way(&self, item: &Item) -> bool {
        let newer = |other: &Item| {
            other.wanted.line == item.wanted.line && other.wanted.latest > item.wanted.latest
        };
        item.wanted.latest.is_some() && self.queued().any(newer)
    }
}

impl Item {
    fn is_of_ingest(&self) -> bool {
        self.wanted.owner.origin() == Origin::Ingest
    }

    fn is_due(&self, now: Instant) -> bool {
        self.wanted.deadline.is_some_and(|deadline| deadline <= now)
    }
}
