use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The threads that all replicas of this machine may have together (`limits.replica_threads`), and
/// what its pools want of them.
///
/// Where they do not suffice for all, each pool may have its max-min fair share: one that wants
/// less than an even part gets all of that, and what it leaves is for the others. Replicas are
/// whole, and `min_replicas` come first.
///
/// While a pool takes the place of another, both hold threads: the new one's first replicas go beyond
/// what is free ([`PoolThreads::take_over`]), since the old one's are about to go. No other pool is
/// held back for it, but for as long as nothing is free.
#[derive(Debug, Clone)]
pub struct MachineThreads {
    ledger: Arc<Mutex<Ledger>>,
}

/// One pool's part of the machine.
///
/// Dropping it takes the pool out of the ledger.
#[derive(Debug)]
pub struct PoolThreads {
    machine: MachineThreads,
    /// Its place in the ledger.
    number: u64,
    /// Threads of one replica.
    threads: usize,
}

/// Threads of one replica; dropping it frees them.
#[derive(Debug)]
pub struct ThreadPermit {
    machine: MachineThreads,
    threads: usize,
}

#[derive(Debug)]
struct Ledger {
    all: usize,
    held: usize,
    /// By the number of the pool; that of the oldest is the lowest.
    wants: BTreeMap<u64, Want>,
    next: u64,
}

/// What a pool wants.
#[derive(Debug, Clone, Copy)]
struct Want {
    /// Threads of one replica; none for a simulated one.
    threads: usize,
    /// Replicas that it gets in any case.
    least: u32,
    replicas: u32,
}

impl MachineThreads {
    /// A machine with this many threads for replicas.
    pub fn new(threads: usize) -> Self {
        let ledger = Ledger { all: threads, held: 0, wants: BTreeMap::new(), next: 0 };
        Self { ledger: Arc::new(Mutex::new(ledger)) }
    }

    /// A further pool, of replicas of so many `threads`, `least` of which it gets in any case: those
    /// of all pools together must fit.
    pub fn join(&self, threads: usize, least: u32) -> PoolThreads {
        let mut ledger = self.lock();
        let number = ledger.next;
        ledger.next += 1;
        ledger.wants.insert(number, Want { threads, least, replicas: least });
        PoolThreads { machine: self.clone(), number, threads }
    }

    /// How many threads there are from now on. What pools hold beyond that they give back as their
    /// replicas go.
    pub fn set(&self, threads: usize) {
        self.lock().all = threads;
    }

    /// How many replicas of so many threads could run if there were no others.
    pub fn replicas_alone(&self, threads: usize) -> u32 {
        let most = self.lock().all.checked_div(threads);
        most.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolThreads {
    /// The pool wants so many replicas from now on, whatever it may have.
    pub fn want(&self, replicas: u32) {
        if let Some(want) = self.machine.lock().wants.get_mut(&self.number) {
            want.replicas = replicas;
        }
    }

    /// From now on the pool gets `least` replicas in any case.
    pub fn need(&self, least: u32) {
        if let Some(want) = self.machine.lock().wants.get_mut(&self.number) {
            *want = Want { least, replicas: want.replicas.max(least), ..*want };
        }
    }

    /// The pool is about to end: it has no share any more and keeps what it holds until then.
    pub fn leave(&self) {
        self.machine.lock().wants.remove(&self.number);
    }

    /// How many replicas the pool may have, if it wants as many, beside what the others want.
    /// Without threads of their own they are never limited, nor by a share after the pool has left.
    pub fn limit(&self) -> u32 {
        let ledger = self.machine.lock();
        let Some(place) = ledger.wants.keys().position(|number| *number == self.number) else {
            return u32::MAX;
        };
        let mut wants: Vec<Want> = ledger.wants.values().copied().collect();
        wants[place].replicas = u32::MAX;
        shares(ledger.all, &wants)[place]
    }

    /// Takes the threads of one more replica, if they are free.
    pub fn take(&self) -> Option<ThreadPermit> {
        let mut ledger = self.machine.lock();
        let held = ledger.held + self.threads;
        // Without threads of their own replicas go even where others hold too many.
        if self.threads > 0 && held > ledger.all {
            return None;
        }
        ledger.held = held;
        Some(ThreadPermit { machine: self.machine.clone(), threads: self.threads })
    }

    /// The same for a pool that takes the place of another one: it does not wait for the threads that
    /// the other one still holds.
    pub fn take_over(&self) -> ThreadPermit {
        self.machine.lock().held += self.threads;
        ThreadPermit { machine: self.machine.clone(), threads: self.threads }
    }
}

impl Drop for PoolThreads {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for ThreadPermit {
    fn drop(&mut self) {
        self.machine.lock().held -= self.threads;
    }
}

/// The replicas that each pool may have of `threads`: max-min fair, by progressive filling (Bertsekas
/// and Gallager, *Data Networks*, 6.5.2), in whole replicas. Among pools with as many threads, the
/// first comes first.
fn shares(threads: usize, wants: &[Want]) -> Vec<u32> {
    let first = |want: &Want| if want.threads == 0 { want.replicas } else { want.least };
    let mut shares: Vec<u32> = wants.iter().map(first).collect();
    let taken = |(want, share): (&Want, &u32)| want.threads * *share as usize;
    let mut left = threads.saturating_sub(wants.iter().zip(&shares).map(taken).sum());
    loop {
        let hungry = wants.iter().zip(&shares).enumerate().filter(|(_, (want, share))| {
            want.threads > 0 && want.threads <= left && **share < want.replicas
        });
        let Some((poorest, _)) = hungry.min_by_key(|(_, of)| taken(*of)) else { return shares };
        shares[poorest] += 1;
        left -= wants[poorest].threads;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn want(threads: usize, least: u32, replicas: u32) -> Want {
        Want { threads, least, replicas }
    }

    #[test]
    fn shares_are_even_and_what_one_leaves_is_for_the_others() {
        for (threads, wants, expected) in [
            (4, vec![want(1, 1, 3), want(1, 1, 2)], vec![2, 2]),
            (4, vec![want(1, 1, 9), want(1, 1, 1)], vec![3, 1]),
            (9, vec![want(1, 0, 9), want(1, 0, 2), want(1, 0, 9)], vec![4, 2, 3]),
            (4, vec![want(1, 3, 9), want(1, 0, 9)], vec![3, 1]),
            // By threads, not by replicas; what is left over may be too little for one more.
            (7, vec![want(2, 1, 9), want(1, 1, 9)], vec![2, 3]),
            (3, vec![want(2, 1, 9), want(2, 0, 9)], vec![1, 0]),
            (2, vec![want(0, 1, 7), want(1, 0, 9)], vec![7, 2]),
        ] {
            assert_eq!(shares(threads, &wants), expected, "{threads} {wants:?}");
        }
    }

    #[test]
    fn a_pool_is_limited_by_what_the_others_want() {
        let machine = MachineThreads::new(4);
        let [first, second] = [1, 1].map(|least| machine.join(1, least));
        assert_eq!((first.limit(), second.limit()), (3, 3));
        second.want(2);
        assert_eq!((first.limit(), second.limit()), (2, 3));
        first.want(3);
        assert_eq!((first.limit(), second.limit()), (2, 2));
        assert_eq!(machine.join(0, 0).limit(), u32::MAX);
    }

    #[test]
    fn permits_come_back() {
        let machine = MachineThreads::new(5);
        let [two, four] = [2, 4].map(|threads| machine.join(threads, 0));
        let first = two.take().expect("5 are free");
        assert!(four.take().is_none());
        drop(first);
        assert!(four.take().is_some());
    }

    #[test]
    fn a_pool_that_takes_the_place_of_another_goes_beyond_for_a_while() {
        let machine = MachineThreads::new(2);
        let [old, other] = [1, 1].map(|least| machine.join(1, least));
        let held = [old.take(), other.take()].map(|permit| permit.expect("2 are free"));
        let new = machine.join(1, 0);
        assert_eq!(
            (old.limit(), other.limit()),
            (1, 1),
            "one that is not served yet takes nothing"
        );
        let first = new.take_over();
        assert!(new.take().is_none());
        old.leave();
        new.need(1);
        assert_eq!((old.limit(), other.limit(), new.limit()), (u32::MAX, 1, 1));
        drop((held, first));
        assert_eq!([other.take(), new.take()].map(|permit| permit.is_some()), [true; 2]);
    }

    #[test]
    fn pools_that_have_gone_are_forgotten() {
        let machine = MachineThreads::new(4);
        let stays = machine.join(1, 1);
        for _ in 0..100 {
            let goes = machine.join(1, 1);
            goes.want(9);
            assert_eq!(stays.limit(), 2);
        }
        assert_eq!((stays.limit(), machine.lock().wants.len()), (4, 1));
    }

    #[test]
    fn another_number_of_threads_holds_at_once() {
        let machine = MachineThreads::new(4);
        let pool = machine.join(1, 1);
        let held: Vec<_> = (0..4).filter_map(|_| pool.take()).collect();
        machine.set(2);
        assert_eq!((held.len(), pool.limit(), machine.replicas_alone(2)), (4, 2, 1));
        drop(held);
        let held: Vec<_> = (0..4).filter_map(|_| pool.take()).collect();
        assert_eq!((held.len(), machine.replicas_alone(0)), (2, u32::MAX));
    }

    proptest! {
        #[test]
        fn no_share_can_grow_but_at_the_cost_of_one_that_has_hardly_more(
            threads in 0usize..40,
            wants in prop::collection::vec((1usize..4, 0u32..20), 1..6),
        ) {
            let wants: Vec<Want> = wants.into_iter().map(|(each, all)| want(each, 0, all)).collect();
            let shares = shares(threads, &wants);
            let taken: Vec<usize> =
                wants.iter().zip(&shares).map(|(w, share)| w.threads * *share as usize).collect();
            let left = threads - taken.iter().sum::<usize>();
            for (want, (share, has)) in wants.iter().zip(shares.iter().zip(&taken)) {
                prop_assert!(*share <= want.replicas);
                if *share < want.replicas {
                    prop_assert!(want.threads > left, "free threads");
                    for (other, more) in wants.iter().zip(&taken) {
                        let without_its_last = more.saturating_sub(other.threads);
                        // It is no more, but where the last threads were too few for this one.
                        prop_assert!(without_its_last < *has + want.threads);
                    }
                }
            }
        }
    }
}
