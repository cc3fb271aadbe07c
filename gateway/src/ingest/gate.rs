//! When to stop taking records for a while. Pure.

/// Pauses the partitions when something is full and resumes them when it has emptied well below
/// that, because librdkafka throws away what it had fetched of a paused partition.
#[derive(Debug, Default)]
pub struct Gate {
    paused: bool,
}

/// Of the records in flight, how many one partition may have, so that neither a long backlog nor a
/// record that does not end keeps the others from being read: as many as places are free, and its
/// even part at least. So one busy partition among idle ones has at most half of all places, and
/// several leave about as many free as each has itself.
///
/// `waiting` are the records of all partitions that are taken and not passed by the prefix.
pub fn share(max_in_flight: usize, partitions: usize, waiting: usize) -> usize {
    let even = max_in_flight / partitions.max(1);
    even.max(max_in_flight.saturating_sub(waiting)).max(1)
}

/// Whether a partition is to be shut that has `waiting` records taken and not passed by the prefix:
/// from its share on, until that many have gone down to half of it.
pub fn is_shut(was_shut: bool, waiting: usize, share: usize) -> bool {
    if was_shut { waiting > share / 2 } else { waiting >= share }
}

/// The fill of the pools' ingest share at which to pause and to resume.
const SHARE_HIGH: f64 = 0.75;
const SHARE_LOW: f64 = 0.5;
/// The fill of the records in flight at which to pause and to resume.
const IN_FLIGHT_HIGH: f64 = 1.0;
const IN_FLIGHT_LOW: f64 = 0.75;

impl Gate {
    /// Whether the partitions are to be paused, given how full the ingest's share of the fullest
    /// queue and the records in flight are.
    pub fn decide(&mut self, share: f64, in_flight: f64) -> bool {
        self.paused = if self.paused {
            share > SHARE_LOW || in_flight > IN_FLIGHT_LOW
        } else {
            share >= SHARE_HIGH || in_flight >= IN_FLIGHT_HIGH
        };
        self.paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pauses_high_and_resumes_low() {
        let mut gate = Gate::default();
        let steps = [
            (0.0, 0.0, false),
            (0.74, 0.99, false),
            (0.75, 0.0, true),
            (0.6, 0.0, true),
            (0.5, 0.0, false),
            (0.6, 0.9, false),
            (0.0, 1.0, true),
            (0.0, 0.8, true),
            (0.6, 0.7, true),
            (0.5, 0.75, false),
        ];
        for (step, (share, in_flight, paused)) in steps.into_iter().enumerate() {
            assert_eq!(gate.decide(share, in_flight), paused, "step {step}");
        }
    }

    #[test]
    fn a_partition_alone_may_have_all_and_among_others_half() {
        let cases = [
            ((100, 1, 0), 100),
            ((100, 1, 90), 100),
            ((100, 10, 0), 100),
            ((100, 10, 50), 50),
            ((100, 10, 95), 10),
            ((100, 10, 400), 10),
            ((1, 150, 1), 1),
        ];
        for ((max, partitions, waiting), expected) in cases {
            assert_eq!(share(max, partitions, waiting), expected, "{max} {partitions} {waiting}");
        }
    }

    /// Partitions that never end a record, each taking whenever it may, and one that comes later.
    #[test]
    fn stuck_partitions_leave_room_for_those_that_are_not() {
        for (stuck, places) in [(1, 50), (3, 25), (9, 9)] {
            let mut waiting = vec![0; stuck];
            for _ in 0..100 {
                for number in 0..stuck {
                    let share = share(100, 11, waiting.iter().sum());
                    waiting[number] += usize::from(!is_shut(false, waiting[number], share));
                }
            }
            let free = 100 - waiting.iter().sum::<usize>();
            assert!(free >= places && waiting.iter().all(|taken| *taken >= 9), "{waiting:?}");
        }
    }

    #[test]
    fn a_partition_shuts_at_its_share_and_opens_at_half_of_it() {
        let steps = [(9, false), (10, true), (6, true), (5, false), (9, false), (11, true)];
        let mut shut = false;
        for (waiting, expected) in steps {
            shut = is_shut(shut, waiting, 10);
            assert_eq!(shut, expected, "{waiting}");
        }
        assert!(!is_shut(true, 0, 1), "it always opens in the end");
    }
}
