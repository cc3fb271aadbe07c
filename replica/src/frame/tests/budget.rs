use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin as Boxed,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 10;

/// A value that tells how many bytes of its kind are alive.
struct Tracked {
    id: u64,
    bytes: u64,
    alive: Arc<AtomicU64>,
}

impl Tracked {
    fn new(id: u64, bytes: u64, alive: &Arc<AtomicU64>) -> Self {
        alive.fetch_add(bytes, Ordering::Relaxed);
        Self { id, bytes, alive: Arc::clone(alive) }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Claim(u64),
    TryClaim(u64),
    Release(usize),
    Keep(usize, u64),
    Pin(usize),
    Unpin(usize),
    Forget(usize),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (bytes, which) = (0..=LIMIT + 3, 0_usize..8);
    prop_oneof![
        4 => bytes.clone().prop_map(Step::Claim),
        1 => bytes.clone().prop_map(Step::TryClaim),
        2 => which.clone().prop_map(Step::Release),
        3 => (which.clone(), bytes).prop_map(|(which, bytes)| Step::Keep(which, bytes)),
        2 => which.clone().prop_map(Step::Pin),
        3 => which.clone().prop_map(Step::Unpin),
        1 => which.clone().prop_map(Step::Forget),
        1 => which.prop_map(Step::Cancel),
    ]
}

type Waiting = (u64, Boxed<Box<dyn Future<Output = Permit<Tracked>>>>);

struct World {
    budget: Budget<Tracked>,
    alive: Arc<AtomicU64>,
    permits: Vec<Permit<Tracked>>,
    kept: Vec<Kept<Tracked>>,
    pinned: Vec<Pinned<Tracked>>,
    waiting: VecDeque<Waiting>,
    ids: u64,
}

fn take<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.remove(which % from.len()))
}

impl World {
    fn new() -> Self {
        Self {
            budget: Budget::new(LIMIT),
            alive: Arc::default(),
            permits: Vec::new(),
            kept: Vec::new(),
            pinned: Vec::new(),
            waiting: VecDeque::new(),
            ids: 0,
        }
    }

    fn act(&mut self, step: &Step) {
        match *step {
            Step::Claim(bytes) => {
                let budget = Budget { shared: Arc::clone(&self.budget.shared) };
                let claim = Box::pin(async move { budget.claim(bytes).await });
                self.waiting.push_back((bytes, claim));
            }
            Step::TryClaim(bytes) => self.permits.extend(self.budget.try_claim(bytes)),
            Step::Release(which) => drop(take(&mut self.permits, which)),
            Step::Keep(which, bytes) => self.keep(which, bytes),
            Step::Pin(which) if !self.kept.is_empty() => {
                let which = which % self.kept.len();
                self.pinned.extend(self.kept[which].pin());
            }
            Step::Pin(_) => {}
            Step::Unpin(which) => drop(take(&mut self.pinned, which)),
            Step::Forget(which) => drop(take(&mut self.kept, which)),
            Step::Cancel(which) => drop(self.waiting.remove(which)),
        }
    }

    fn keep(&mut self, which: usize, bytes: u64) {
        let Some(permit) = take(&mut self.permits, which) else { return };
        let bytes = bytes.min(permit.bytes);
        self.ids += 1;
        let (kept, pinned) = permit.keep(Tracked::new(self.ids, bytes, &self.alive), bytes);
        self.kept.push(kept);
        self.pinned.push(pinned);
    }

    /// Polls all waiters in their order; the first that still waits must be the end of it.
    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut still = VecDeque::new();
        for (bytes, mut claim) in self.waiting.drain(..) {
            match claim.as_mut().poll(&mut context) {
                Poll::Ready(permit) => {
                    assert!(still.is_empty(), "a waiter was overtaken");
                    assert_eq!(permit.bytes, bytes);
                    self.permits.push(permit);
                }
                Poll::Pending => still.push_back((bytes, claim)),
            }
        }
        self.waiting = still;
    }

    fn check(&self) {
        let stats = self.budget.stats();
        let values: BTreeMap<_, _> =
            self.pinned.iter().map(|value| (value.id, value.bytes)).collect();
        let permitted: u64 = self.permits.iter().map(|permit| permit.bytes).sum();
        assert_eq!(stats.pinned, permitted + values.values().sum::<u64>(), "pinned bytes");
        let alive = self.alive.load(Ordering::Relaxed);
        assert_eq!(stats.cached, alive - values.values().sum::<u64>(), "cached bytes");
        let holders = self.permits.iter().filter(|permit| permit.bytes > 0).count()
            + values.values().filter(|bytes| **bytes > 0).count();
        let alone = holders == 1 && stats.cached == 0;
        assert!(stats.pinned + stats.cached <= LIMIT || alone, "above the bound: {stats:?}");
        assert_eq!(stats.waiters, self.waiting.len(), "places in the line");
        if let Some((bytes, _)) = self.waiting.front() {
            let must_wait = stats.pinned > 0 && stats.pinned + bytes > LIMIT;
            assert!(must_wait, "{bytes} bytes wait for nothing: {stats:?}");
        }
    }

    fn finish(mut self) {
        self.kept.clear();
        self.pinned.clear();
        while !self.waiting.is_empty() {
            let before = self.waiting.len();
            self.permits.clear();
            self.poll();
            assert!(self.waiting.len() < before, "waiters are left for ever");
        }
        self.permits.clear();
        let stats = self.budget.stats();
        assert_eq!((stats.pinned, stats.cached, stats.waiters), (0, 0, 0), "leaked");
        assert_eq!(self.alive.load(Ordering::Relaxed), 0, "values leaked");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn bounded_first_in_first_out_and_without_leaks(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.act(step);
            // Twice: a grant that goes to a waiter just dropped is passed on.
            world.poll();
            world.poll();
            world.check();
        }
        world.finish();
    }
}

/// A budget that holds kept values of these sizes, the first used least recently.
fn caching(sizes: &[u64]) -> (Budget<()>, Vec<Kept<()>>) {
    let budget = Budget::new(LIMIT);
    let keep = |size: &u64| budget.try_claim(*size).unwrap().keep((), *size).0;
    let kept = sizes.iter().map(keep).collect();
    (budget, kept)
}

#[test]
fn the_least_recently_used_goes_first_and_no_more_than_needed() {
    let (budget, kept) = caching(&[3, 3, 3]);
    drop(kept[0].pin());
    let permit = budget.try_claim(4).unwrap();
    assert!(kept[1].pin().is_none(), "the least recently used");
    assert!(kept[0].pin().is_some() && kept[2].pin().is_some());
    drop(permit);
    assert_eq!((budget.stats().cached, budget.stats().evictions), (6, 1));
}

#[test]
fn an_oversized_one_goes_alone_and_is_not_cached() {
    let (budget, _kept) = caching(&[2]);
    let (large, pinned) = budget.try_claim(LIMIT + 5).unwrap().keep((), LIMIT + 5);
    assert_eq!((budget.stats().pinned, budget.stats().cached), (LIMIT + 5, 0));
    assert!(budget.try_claim(1).is_none());
    drop(pinned);
    assert!(large.pin().is_none());
    assert_eq!((budget.stats().pinned, budget.stats().cached), (0, 0));
    assert!(budget.try_claim(1).is_some());
}

#[test]
fn nobody_overtakes_who_waits() {
    let (budget, _) = caching(&[]);
    let first = budget.try_claim(8).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut large = Box::pin(budget.claim(9));
    assert!(large.as_mut().poll(&mut context).is_pending());
    assert!(budget.try_claim(1).is_none(), "one byte would fit, but another waits");
    let mut small = Box::pin(budget.claim(1));
    assert!(small.as_mut().poll(&mut context).is_pending());
    drop(large);
    assert!(small.as_mut().poll(&mut context).is_ready(), "the place that was left closes up");
    drop(first);
}

#[tokio::test]
async fn another_limit_wakes_who_waits_and_holds_for_who_comes() {
    let budget = Budget::<()>::new(LIMIT);
    let held = budget.try_claim(LIMIT).unwrap();
    let raised = async { tokio::join!(budget.claim(2), async { budget.set_limit(LIMIT + 2) }).0 };
    let more = tokio::time::timeout(Duration::from_secs(60), raised).await.expect("not woken");
    budget.set_limit(4);
    drop(held);
    assert!(budget.try_claim(3).is_none());
    assert!(budget.try_claim(2).is_some());
    drop(more);
    assert_eq!((budget.stats().pinned, budget.stats().limit), (0, 4));
}

#[tokio::test]
async fn a_waiter_is_woken_by_a_release() {
    let budget = Budget::<()>::new(LIMIT);
    let held = budget.try_claim(LIMIT).unwrap();
    // Polled in this order, so that the claim already waits when the other permit goes.
    let both = async { tokio::join!(budget.claim(1), async { drop(held) }).0 };
    drop(tokio::time::timeout(Duration::from_secs(60), both).await.expect("not woken"));
    assert_eq!(budget.stats().pinned, 0);
}
