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
    assert_eq!((old.limit(u32::MAX), other.limit(u32::MAX), new.limit(u32::MAX)), (u32::MAX, 1, 1));
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
        let shares = shares(self::threads(threads), &wants);
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
