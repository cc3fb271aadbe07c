mod fairness;
mod resources;

use std::{
    collections::BTreeMap,
    ops::{Add, Sub},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::fairness::{Want, shares};
pub use self::resources::Resources;

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

#[cfg(test)]
mod tests;
