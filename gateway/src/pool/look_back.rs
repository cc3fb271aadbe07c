use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// A rate over the last `look_back`, from readings of a running total: of entry-seconds, the average
/// number of ongoing entries; of entries, entries per second.
#[derive(Debug)]
pub(super) struct LookBack {
    span: Duration,
    readings: VecDeque<(Instant, f64)>,
}

impl LookBack {
    pub(super) fn new(span: Duration) -> Self {
        Self { span, readings: VecDeque::new() }
    }

    /// Takes a reading of the total, and answers its rate per second since the reading that is just
    /// older than the span. Before there are two, `present`.
    pub(super) fn average(&mut self, now: Instant, total: f64, present: usize) -> f64 {
        self.readings.push_back((now, total));
        while self.readings.get(1).is_some_and(|&(at, _)| at + self.span <= now) {
            self.readings.pop_front();
        }
        match self.readings.front() {
            Some(&(at, before)) if at < now => (total - before) / (now - at).as_secs_f64(),
            _ => present as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_weighted_by_time() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut look_back = LookBack::new(Duration::from_millis(200));
        assert_eq!(look_back.average(at(0), 0.0, 7), 7.0);
        // 10 entries for 100 ms, then none for 100 ms.
        assert!((look_back.average(at(100), 1.0, 0) - 10.0).abs() < 1e-9);
        assert!((look_back.average(at(200), 1.0, 0) - 5.0).abs() < 1e-9);
        assert!(look_back.average(at(300), 1.0, 0).abs() < 1e-9);
    }
}
