//! How far a partition is behind in time. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

/// Finds the age of a partition's oldest record that is not done, from what is seen of it.
///
/// Of records that were taken, the times are known. Of one that was not, two things are: it is no
/// older than the last one taken, and it came after the last look at which none was left to take.
/// So what is told is never less than the age, but for a partition of which nothing was taken yet
/// and which never was caught up: then it is the time since it came here.
#[derive(Debug)]
pub struct PartitionLag {
    /// Times of records by rising offset; each stands for the records up to the next one.
    marks: VecDeque<Mark>,
    last_taken: Option<SystemTime>,
    assigned: SystemTime,
    /// The last look at which no record was left to take.
    caught_up: Option<SystemTime>,
}

/// What is seen of a partition at a look.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The first offset that was taken and is not done.
    pub unfinished: Option<i64>,
    /// Whether it is known that no record is left to take. Nothing is fetched of a paused
    /// partition, so of one it is not known.
    pub all_taken: bool,
    /// When.
    pub now: SystemTime,
}

#[derive(Debug)]
struct Mark {
    offset: i64,
    time: SystemTime,
}

/// Records whose times are nearer than this share a mark.
const STEP: Duration = Duration::from_millis(100);
/// Marks of a partition, at most; beyond, records count as being as old as the last mark.
const MAX_MARKS: usize = 64;

impl PartitionLag {
    /// A partition that has just come here.
    pub fn new(assigned: SystemTime) -> Self {
        Self { marks: VecDeque::new(), last_taken: None, assigned, caught_up: None }
    }

    /// A record was taken that was written then; one from the future counts as new.
    pub fn taken(&mut self, offset: i64, written: SystemTime, now: SystemTime) {
        let time = written.min(now);
        self.last_taken = Some(time);
        if self.marks.back().is_some_and(|mark| offset <= mark.offset) {
            // The partition went back: what was marked is not what is in flight.
            self.marks.clear();
        }
        let apart = |mark: &Mark| time >= mark.time + STEP;
        if self.marks.len() < MAX_MARKS && self.marks.back().is_none_or(apart) {
            self.marks.push_back(Mark { offset, time });
        }
    }

    /// The age of the oldest record that is not done; zero if there is none.
    pub fn age(&mut self, look: Look) -> Duration {
        if look.all_taken {
            self.caught_up = Some(look.now);
        }
        let Some(unfinished) = look.unfinished else {
            self.marks.clear();
            return if look.all_taken { Duration::ZERO } else { self.age_of_untaken(look.now) };
        };
        while self.marks.get(1).is_some_and(|next| next.offset <= unfinished) {
            self.marks.pop_front();
        }
        self.marks.front().map_or(Duration::ZERO, |mark| since(mark.time, look.now))
    }

    fn age_of_untaken(&self, now: SystemTime) -> Duration {
        let began = match (self.last_taken, self.caught_up) {
            (Some(taken), Some(caught_up)) => taken.max(caught_up),
            (taken, caught_up) => taken.or(caught_up).unwrap_or(self.assigned),
        };
        since(began, now)
    }
}

fn since(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> SystemTime {
        let milliseconds = (1e9 + seconds * 1e3).round();
        SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds as u64)
    }

    fn age(lag: &mut PartitionLag, unfinished: Option<i64>, all_taken: bool, now: f64) -> f64 {
        let age = lag.age(Look { unfinished, all_taken, now: at(now) }).as_secs_f64();
        (age * 1000.0).round() / 1000.0
    }

    #[test]
    fn it_is_the_age_of_the_oldest_record_that_is_not_done() {
        let mut lag = PartitionLag::new(at(0.0));
        for offset in 0..5 {
            lag.taken(offset, at(offset as f64), at(5.0));
        }
        assert_eq!(age(&mut lag, Some(0), false, 5.0), 5.0);
        assert_eq!(age(&mut lag, Some(0), false, 8.0), 8.0, "it grows while nothing moves");
        assert_eq!(age(&mut lag, Some(3), true, 8.0), 5.0);
        assert_eq!(age(&mut lag, None, true, 9.0), 0.0);
    }

    #[test]
    fn what_is_left_to_take_is_as_old_as_the_last_one_taken_at_most() {
        let mut lag = PartitionLag::new(at(0.0));
        assert_eq!(age(&mut lag, None, false, 3.0), 3.0, "since it came here");
        lag.taken(7, at(-60.0), at(3.0));
        assert_eq!(age(&mut lag, None, false, 4.0), 64.0, "a backlog of a minute");
        assert_eq!(age(&mut lag, None, true, 5.0), 0.0);
        assert_eq!(age(&mut lag, None, false, 5.5), 0.5, "and no minute for the next record");
        assert_eq!(age(&mut lag, None, false, 9.0), 4.0);
    }

    #[test]
    fn records_near_to_one_another_share_a_mark_and_marks_are_bounded() {
        let mut lag = PartitionLag::new(at(0.0));
        for offset in 0..1000 {
            lag.taken(offset, at(offset as f64 * 0.01), at(10.0));
        }
        assert_eq!(lag.marks.len(), MAX_MARKS);
        assert_eq!(age(&mut lag, Some(15), true, 10.0), 9.9);
        assert_eq!(age(&mut lag, Some(999), true, 10.0), 3.7, "not less than it is");
        assert_eq!(lag.marks.len(), 1);
    }

    #[test]
    fn a_partition_that_went_back_begins_anew() {
        let mut lag = PartitionLag::new(at(0.0));
        lag.taken(50, at(1.0), at(1.0));
        lag.taken(51, at(4.0), at(4.0));
        lag.taken(3, at(2.0), at(4.0));
        lag.taken(4, at(5.0), at(5.0));
        assert_eq!(age(&mut lag, Some(3), true, 6.0), 4.0);
        assert_eq!(age(&mut lag, Some(4), true, 6.0), 1.0);
    }

    #[test]
    fn a_record_from_the_future_is_new() {
        let mut lag = PartitionLag::new(at(0.0));
        lag.taken(0, at(1e6), at(1.0));
        lag.taken(1, at(2.0), at(2.0));
        assert_eq!(age(&mut lag, Some(0), true, 3.0), 2.0);
        assert_eq!(age(&mut lag, Some(1), true, 3.0), 1.0);
    }
}
