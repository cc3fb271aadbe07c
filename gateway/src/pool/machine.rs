use std::{
    collections::BTreeMap,
    ops::{Add, Mul, Sub},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What all replicas of this machine may have together (`limits.replica_threads` and
/// `limits.replica_memory`), and what its pools want of it.
///
/// Where it does not suffice for all, each pool may have its fair share: one that wants less than
/// an even part gets all of that, and what it leaves is for the others. What counts of a pool is its
/// dominant share, the larger of those that it has of threads and of memory. Replicas are whole, and
/// `min_replicas` come first.
///
/// While a pool takes the place of another, both hold something: the new one's first replicas go
/// beyond what is free (`PoolShare::take_over`), since the old one's are about to go. No other pool
/// is held back for it, but for as long as nothing is free.
#[derive(Debug, Clone)]
pub struct Machine {
    ledger: Arc<Mutex<Ledger>>,
}

/// What one replica takes, or several do together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// Intra-op threads.
    pub threads: usize,
    /// Bytes.
    pub memory: u64,
}

/// One pool's part of the machine.
///
/// Dropping it takes the pool out of the ledger.
#[derive(Debug)]
pub struct PoolShare {
    machine: Machine,
    /// Its place in the ledger.
    number: u64,
}

/// What one replica takes; dropping it frees that.
#[derive(Debug)]
pub struct Permit {
    machine: Machine,
    /// The pool's place in the ledger.
    number: u64,
}

#[derive(Debug)]
struct Ledger {
    all: Resources,
    /// By the number of the pool; that of the oldest is the lowest.
    accounts: BTreeMap<u64, Account>,
    /// Of all accounts. Kept, since every pool asks ten times a second and there may be many.
    sums: Sums,
    next: u64,
}

/// What accounts come to. Pools have bounded numbers of replicas, so nothing of it overflows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    /// Replicas that are wanted.
    wanted: Resources,
    /// Those that are had in any case.
    least: Resources,
    /// Those that there are.
    held: Resources,
}

/// What a pool has and wants.
#[derive(Debug, Clone, Copy)]
struct Account {
    /// Of one replica: no threads for a simulated one, no memory before it was measured.
    each: Resources,
    /// Replicas that it has.
    held: u32,
    /// None once it is about to end.
    want: Option<Want>,
}

#[derive(Debug, Clone, Copy)]
struct Want {
    /// Replicas that it gets in any case.
    least: u32,
    replicas: u32,
}

impl Machine {
    /// A machine that has so much for replicas.
    pub fn new(all: Resources) -> Self {
        let ledger = Ledger { all, accounts: BTreeMap::new(), sums: Sums::default(), next: 0 };
        Self { ledger: Arc::new(Mutex::new(ledger)) }
    }

    /// A further pool, of replicas of so many `threads`, `least` of which it gets in any case: the
    /// threads of those of all pools together must fit.
    pub fn join(&self, threads: usize, least: u32) -> PoolShare {
        let mut ledger = self.lock();
        let number = ledger.next;
        ledger.next += 1;
        let each = Resources { threads, memory: 0 };
        let want = Some(Want { least, replicas: least });
        let account = Account { each, held: 0, want };
        ledger.sums = ledger.sums + account.sums();
        ledger.accounts.insert(number, account);
        PoolShare { machine: self.clone(), number }
    }

    /// How much there is from now on. What pools hold beyond that they give back as their replicas go.
    pub fn set(&self, all: Resources) {
        self.lock().all = all;
    }

    /// How many replicas of so many threads could run if there were no others.
    pub fn replicas_alone(&self, threads: usize) -> u32 {
        let most = self.lock().all.threads.checked_div(threads);
        most.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolShare {
    /// The pool wants so many replicas from now on, whatever it may have.
    pub fn want(&self, replicas: u32) {
        self.change(|account| {
            account.want = account.want.map(|want| Want { replicas, ..want });
        });
    }

    /// From now on the pool gets `least` replicas in any case.
    pub fn need(&self, least: u32) {
        self.change(|account| {
            let need = |want: Want| Want { least, replicas: want.replicas.max(least) };
            account.want = account.want.map(need);
        });
    }

    /// A replica takes so much memory, in bytes.
    pub fn measured(&self, memory: u64) {
        self.change(|account| account.each.memory = memory);
    }

    /// The pool is about to end: it has no share any more and keeps what it holds until then.
    pub fn leave(&self) {
        self.change(|account| account.want = None);
    }

    /// How many of `most` replicas the pool may have, if it wants as many, beside what the others want.
    /// Those that take nothing are never limited, nor is a pool that has left.
    pub fn limit(&self, most: u32) -> u32 {
        let ledger = self.machine.lock();
        let Some(Account { each, want: Some(want), .. }) = ledger.accounts.get(&self.number) else {
            return most;
        };
        let others = ledger.sums.wanted - *each * want.replicas.max(want.least);
        let most_of_it = most.max(want.least);
        if (others + *each * most_of_it).fits(ledger.all) {
            return most_of_it;
        }
        let (numbers, mut wants): (Vec<u64>, Vec<(Resources, Want)>) = ledger.wants().unzip();
        let Some(place) = numbers.iter().position(|number| *number == self.number) else {
            return most;
        };
        wants[place].1.replicas = most;
        shares(ledger.all, &wants)[place]
    }

    /// The memory of one replica and of the machine, in bytes, where that has no room for the least
    /// replicas of all pools.
    pub fn lacks_memory(&self) -> Option<(u64, u64)> {
        let ledger = self.machine.lock();
        let each = ledger.accounts.get(&self.number)?.each.memory;
        let lacks = each > 0 && ledger.sums.least.memory > ledger.all.memory;
        lacks.then_some((each, ledger.all.memory))
    }

    /// Takes what one more replica needs, if it is free.
    pub fn take(&self) -> Option<Permit> {
        let mut ledger = self.machine.lock();
        let each = ledger.accounts.get(&self.number)?.each;
        let (held, all) = (ledger.sums.held + each, ledger.all);
        // Those that take nothing go even where others hold too much.
        let lacks_threads = each.threads > 0 && held.threads > all.threads;
        let lacks_memory = each.memory > 0 && held.memory > all.memory;
        (!lacks_threads && !lacks_memory).then(|| self.hold(&mut ledger))
    }

    /// The same for a pool that takes the place of another one: it does not wait for what the other
    /// one still holds.
    pub fn take_over(&self) -> Permit {
        self.hold(&mut self.machine.lock())
    }

    fn hold(&self, ledger: &mut Ledger) -> Permit {
        ledger.change(self.number, |account| account.held += 1);
        Permit { machine: self.machine.clone(), number: self.number }
    }

    fn change(&self, change: impl FnOnce(&mut Account)) {
        self.machine.lock().change(self.number, change);
    }
}

impl Drop for PoolShare {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.machine.lock().change(self.number, |account| account.held -= 1);
    }
}

impl Ledger {
    /// Changes an account, and closes it if nothing is left of it.
    fn change(&mut self, number: u64, change: impl FnOnce(&mut Account)) {
        let Some(account) = self.accounts.get_mut(&number) else { return };
        let before = account.sums();
        change(account);
        self.sums = self.sums - before + account.sums();
        if account.held == 0 && account.want.is_none() {
            self.accounts.remove(&number);
        }
    }

    /// What the pools want that have not left.
    fn wants(&self) -> impl Iterator<Item = (u64, (Resources, Want))> {
        let wants = |(number, account): (&u64, &Account)| {
            account.want.map(|want| (*number, (account.each, want)))
        };
        self.accounts.iter().filter_map(wants)
    }
}

impl Account {
    fn sums(&self) -> Sums {
        let Want { least, replicas } = self.want.unwrap_or(Want { least: 0, replicas: 0 });
        let Self { each, held, .. } = *self;
        Sums { wanted: each * replicas.max(least), least: each * least, held: each * held }
    }
}

impl Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (wanted, least) = (self.wanted + other.wanted, self.least + other.least);
        Self { wanted, least, held: self.held + other.held }
    }
}

impl Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let (wanted, least) = (self.wanted - other.wanted, self.least - other.least);
        Self { wanted, least, held: self.held - other.held }
    }
}

impl Add for Resources {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let threads = self.threads.saturating_add(other.threads);
        Self { threads, memory: self.memory.saturating_add(other.memory) }
    }
}

impl Mul<u32> for Resources {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        let threads = self.threads.saturating_mul(times as usize);
        Self { threads, memory: self.memory.saturating_mul(times.into()) }
    }
}

impl Sub for Resources {
    type Output = Self;

    /// What is left of it.
    fn sub(self, taken: Self) -> Self {
        let threads = self.threads.saturating_sub(taken.threads);
        Self { threads, memory: self.memory.saturating_sub(taken.memory) }
    }
}

impl Resources {
    fn fits(self, left: Self) -> bool {
        self.threads <= left.threads && self.memory <= left.memory
    }

    /// The larger of the parts that it is of a whole.
    fn dominant_share(self, all: Self) -> f64 {
        let threads = self.threads as f64 / all.threads.max(1) as f64;
        threads.max(self.memory as f64 / all.memory.max(1) as f64)
    }
}

/// The replicas that each pool may have where not all that are wanted fit: dominant resource
/// fairness (Ghodsi and others, NSDI 2011) by progressive filling, in whole replicas; of threads
/// alone that is max-min fair. Among pools of an equal share, the first comes first.
fn shares(all: Resources, wants: &[(Resources, Want)]) -> Vec<u32> {
    let takes_nothing = |each: Resources| each == Resources::default();
    let first = |(each, want): &(Resources, Want)| {
        if takes_nothing(*each) { want.replicas } else { want.least }
    };
    let mut shares: Vec<u32> = wants.iter().map(first).collect();
    let taken = |((each, _), share): (&(Resources, Want), &u32)| *each * *share;
    let mut left = all - wants.iter().zip(&shares).map(taken).fold(Resources::default(), Add::add);
    loop {
        let hungry = wants.iter().zip(&shares).enumerate().filter(|(_, ((each, want), share))| {
            !takes_nothing(*each) && each.fits(left) && **share < want.replicas
        });
        let share_of = |of| taken(of).dominant_share(all);
        let poorest = hungry.min_by(|(_, a), (_, b)| share_of(*a).total_cmp(&share_of(*b)));
        let Some((poorest, _)) = poorest else { return shares };
        shares[poorest] += 1;
        left = left - wants[poorest].0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn threads(threads: usize) -> Resources {
        Resources { threads, memory: 1000 * MIB }
    }

    fn want(threads: usize, least: u32, replicas: u32) -> (Resources, Want) {
        (Resources { threads, memory: 0 }, Want { least, replicas })
    }

    #[test]
    fn shares_are_even_and_what_one_leaves_is_for_the_others() {
        for (all, wants, expected) in [
            (4, vec![want(1, 1, 3), want(1, 1, 2)], vec![2, 2]),
            (4, vec![want(1, 1, 9), want(1, 1, 1)], vec![3, 1]),
            (9, vec![want(1, 0, 9), want(1, 0, 2), want(1, 0, 9)], vec![4, 2, 3]),
            (4, vec![want(1, 3, 9), want(1, 0, 9)], vec![3, 1]),
            // By threads, not by replicas; what is left over may be too little for one more.
            (7, vec![want(2, 1, 9), want(1, 1, 9)], vec![2, 3]),
            (3, vec![want(2, 1, 9), want(2, 0, 9)], vec![1, 0]),
            (2, vec![want(0, 1, 7), want(1, 0, 9)], vec![7, 2]),
        ] {
            assert_eq!(shares(threads(all), &wants), expected, "{all} {wants:?}");
        }
    }

    #[test]
    fn a_pool_is_limited_by_what_the_others_want() {
        let machine = Machine::new(threads(4));
        let [first, second] = [1, 1].map(|least| machine.join(1, least));
        assert_eq!((first.limit(u32::MAX), second.limit(u32::MAX)), (3, 3));
        second.want(2);
        assert_eq!((first.limit(u32::MAX), second.limit(u32::MAX)), (2, 3));
        first.want(3);
        assert_eq!((first.limit(u32::MAX), second.limit(u32::MAX)), (2, 2));
        assert_eq!(machine.join(0, 0).limit(u32::MAX), u32::MAX);
    }

    #[test]
    fn permits_come_back() {
        let machine = Machine::new(threads(5));
        let [two, four] = [2, 4].map(|threads| machine.join(threads, 0));
        let first = two.take().expect("5 are free");
        assert!(four.take().is_none());
        drop(first);
        assert!(four.take().is_some());
    }

    #[test]
    fn a_pool_that_takes_the_place_of_another_goes_beyond_for_a_while() {
        let machine = Machine::new(threads(2));
        let [old, other] = [1, 1].map(|least| machine.join(1, least));
        let held = [old.take(), other.take()].map(|permit| permit.expect("2 are free"));
        let new = machine.join(1, 0);
        assert_eq!(
            (old.limit(u32::MAX), other.limit(u32::MAX)),
            (1, 1),
            "one that is not served yet takes nothing"
        );
        let first = new.take_over();
        assert!(new.take().is_none());
        old.leave();
        new.need(1);
        assert_eq!(
            (old.limit(u32::MAX), other.limit(u32::MAX), new.limit(u32::MAX)),
            (u32::MAX, 1, 1)
        );
        drop((held, first));
        assert_eq!([other.take(), new.take()].map(|permit| permit.is_some()), [true; 2]);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_accounts(
            changes in prop::collection::vec((0usize..4, 0u8..7, 0u32..9), 1..60),
        ) {
            let machine = Machine::new(threads(64));
            let mut shares: Vec<_> = (0..4).map(|each| machine.join(each, 1)).collect();
            let mut held = Vec::new();
            for (which, what, number) in changes {
                let share = &mut shares[which];
                match what {
                    0 => share.want(number),
                    1 => share.need(number),
                    2 => share.measured(u64::from(number) * MIB),
                    3 => held.extend(share.take()),
                    4 => held.push(share.take_over()),
                    5 => drop(held.pop()),
                    _ => *share = machine.join(which, number),
                }
                let ledger = machine.lock();
                let sums = ledger.accounts.values().map(Account::sums);
                prop_assert_eq!(ledger.sums, sums.fold(Sums::default(), Add::add));
            }
        }
    }

    #[test]
    fn pools_that_have_gone_are_forgotten() {
        let machine = Machine::new(threads(4));
        let stays = machine.join(1, 1);
        for _ in 0..100 {
            let goes = machine.join(1, 1);
            goes.want(9);
            assert_eq!(stays.limit(u32::MAX), 2);
        }
        assert_eq!((stays.limit(u32::MAX), machine.lock().accounts.len()), (4, 1));
    }

    #[test]
    fn memory_limits_replicas_once_it_is_measured() {
        let machine = Machine::new(threads(8));
        let [small, large] = [1, 1].map(|least| machine.join(1, least));
        let held = [&small, &large].map(PoolShare::take);
        assert_eq!(large.limit(u32::MAX), 7);
        small.measured(100 * MIB);
        large.measured(400 * MIB);
        assert_eq!(
            (small.limit(u32::MAX), large.limit(u32::MAX)),
            (6, 2),
            "beside the least of the other"
        );
        assert_eq!(large.lacks_memory(), None);
        let second = large.take().expect("900 MiB fit");
        assert!(large.take().is_none());
        drop(second);
        // Large replicas count by their memory, small ones by their threads, and have less.
        small.want(9);
        large.want(9);
        assert_eq!((small.limit(u32::MAX), large.limit(u32::MAX)), (6, 1));
        large.need(3);
        assert_eq!(large.lacks_memory(), Some((400 * MIB, 1000 * MIB)));
        drop(held);
    }

    #[test]
    fn replicas_that_take_next_to_nothing_are_not_counted_one_by_one() {
        let machine = Machine::new(Resources { threads: 8, memory: 1 << 60 });
        let pool = machine.join(0, 1);
        pool.measured(1);
        assert_eq!(pool.limit(u32::MAX), u32::MAX);
    }

    #[test]
    fn what_a_pool_holds_counts_after_it_has_left() {
        let machine = Machine::new(threads(2));
        let old = machine.join(1, 1);
        let held = [old.take(), old.take()];
        drop(old);
        let new = machine.join(1, 1);
        assert!(new.take().is_none());
        drop(held);
        assert!(new.take().is_some());
        assert_eq!(machine.lock().accounts.len(), 1);
    }

    #[test]
    fn another_number_of_threads_holds_at_once() {
        let machine = Machine::new(threads(4));
        let pool = machine.join(1, 1);
        let held: Vec<_> = (0..4).filter_map(|_| pool.take()).collect();
        machine.set(threads(2));
        assert_eq!((held.len(), pool.limit(u32::MAX), machine.replicas_alone(2)), (4, 2, 1));
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
            let wants: Vec<_> = wants.into_iter().map(|(each, all)| want(each, 0, all)).collect();
            let shares = shares(super::tests::threads(threads), &wants);
            let taken: Vec<usize> =
                wants.iter().zip(&shares).map(|((each, _), share)| each.threads * *share as usize).collect();
            let left = threads - taken.iter().sum::<usize>();
            for ((each, want), (share, has)) in wants.iter().zip(shares.iter().zip(&taken)) {
                prop_assert!(*share <= want.replicas);
                if *share < want.replicas {
                    prop_assert!(each.threads > left, "free threads");
                    for ((other, _), more) in wants.iter().zip(&taken) {
                        let without_its_last = more.saturating_sub(other.threads);
                        // It is no more, but where the last threads were too few for this one.
                        prop_assert!(without_its_last < *has + each.threads);
                    }
                }
            }
        }
    }
}
