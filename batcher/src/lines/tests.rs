use super::*;
use crate::entry::Origin;

/// Lines under test, with ids given out in order of arrival.
#[derive(Default)]
struct Bench {
    lines: Lines,
    waiting: BTreeMap<EntryId, NewEntry<()>>,
    next: u64,
}

impl Bench {
    fn put(&mut self, priority: u32, key: &str) -> EntryId {
        let id = EntryId(self.next);
        self.next += 1;
        self.put_back(id, priority, key);
        id
    }

    fn put_back(&mut self, id: EntryId, priority: u32, key: &str) {
        let entry = NewEntry {
            job: (),
            fairness_key: key.into(),
            priority: Priority::try_from(priority).unwrap(),
            origin: Origin::Interactive,
            deadline: None,
            latest: None,
        };
        self.lines.insert(id, id, &entry);
        self.waiting.insert(id, entry);
    }

    fn remove(&mut self, id: EntryId) -> NewEntry<()> {
        let entry = self.waiting.remove(&id).unwrap();
        self.lines.remove(id, id, &entry);
        entry
    }

    fn take(&mut self) -> Option<(u64, u8)> {
        let id = self.lines.take_turn()?;
        let entry = self.remove(id);
        Some((id.0, entry.priority.get()))
    }

    fn take_all(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.take()).map(|(id, _)| id).collect()
    }
}

#[test]
fn one_line_is_first_in_first_out() {
    let mut bench = Bench::default();
    for _ in 0..4 {
        bench.put(5, "a");
    }
    assert_eq!(bench.take_all(), [0, 1, 2, 3]);
}

#[test]
fn lines_of_a_class_take_turns() {
    let mut bench = Bench::default();
    for key in ["a", "a", "a", "a", "b", "b", "c"] {
        bench.put(5, key);
    }
    assert_eq!(bench.take_all(), [0, 4, 6, 1, 5, 2, 3]);
}

#[test]
fn a_line_that_comes_late_waits_one_round_only() {
    let mut bench = Bench::default();
    for key in ["a", "a", "b", "b"] {
        bench.put(5, key);
    }
    assert_eq!(bench.take(), Some((0, 5)));
    bench.put(5, "c"); // behind b, whose turn it is, and behind a, which just had its own
    assert_eq!(bench.take_all(), [2, 1, 4, 3]);
}

#[test]
fn a_line_gains_no_turn_by_emptying_itself() {
    let mut bench = Bench::default();
    for key in ["a", "b", "b", "b"] {
        bench.put(5, key);
    }
    assert_eq!(bench.take(), Some((0, 5)));
    bench.put(5, "a");
    assert_eq!(bench.take_all(), [1, 4, 2, 3]);
}

#[test]
fn a_returned_entry_is_the_first_of_its_line_again() {
    let mut bench = Bench::default();
    let first = bench.put(5, "a");
    for key in ["a", "b", "a"] {
        bench.put(5, key);
    }
    assert_eq!(bench.take(), Some((first.0, 5)));
    bench.put_back(first, 5, "a");
    assert_eq!(bench.take_all(), [2, 0, 1, 3]);
}

#[test]
fn a_higher_class_comes_first() {
    let mut bench = Bench::default();
    for priority in [0, 5, 9, 5, 9] {
        bench.put(priority, "a");
    }
    assert_eq!(bench.take_all(), [2, 4, 1, 3, 0]);
}

#[test]
fn a_lower_class_gets_one_turn_in_sixteen() {
    let mut bench = Bench::default();
    for _ in 0..64 {
        bench.put(9, "a");
        bench.put(5, "a");
    }
    let priorities: Vec<u8> = (0..64).filter_map(|_| bench.take()).map(|(_, p)| p).collect();
    let lower: Vec<usize> = (0..64).filter(|&turn| priorities[turn] == 5).collect();
    assert_eq!(lower, [15, 31, 47, 63]);
}

#[test]
fn the_lower_class_that_waits_longest_is_served() {
    let mut bench = Bench::default();
    for priority in [0, 5, 0, 5] {
        bench.put(priority, "a");
    }
    for _ in 0..64 {
        bench.put(9, "a");
    }
    let turns: Vec<(u64, u8)> = (0..64).filter_map(|_| bench.take()).collect();
    let lower: Vec<(u64, u8)> = turns.into_iter().filter(|&(_, priority)| priority < 9).collect();
    assert_eq!(lower, [(0, 0), (1, 5), (2, 0), (3, 5)]);
}

#[test]
fn turns_without_a_lower_class_do_not_count() {
    let mut bench = Bench::default();
    for _ in 0..40 {
        bench.put(9, "a");
    }
    for _ in 0..20 {
        bench.take();
    }
    bench.put(0, "a");
    let lower = (0..20).filter_map(|_| bench.take()).position(|(_, priority)| priority == 0);
    assert_eq!(lower, Some(15));
}

#[test]
fn nothing_is_left_of_emptied_lines() {
    let mut bench = Bench::default();
    let ids: Vec<EntryId> = (0..100).map(|n| bench.put(n % 10, &n.to_string())).collect();
    for &id in ids.iter().rev() {
        bench.remove(id);
    }
    assert!(bench.lines.classes.is_empty());
    assert_eq!(bench.lines.queued().total(), 0);
}
