//! How long claimed entries take until they end, and so which entries are not worth claiming.

use std::time::Duration;

use tokio::time::Instant;

/// A moving average over the last entries, from claim to end.
#[derive(Debug, Default)]
pub(crate) struct ServiceTime {
    seconds: Option<f64>,
}

/// Weight of the newest entry: about the last ten count.
const NEWEST: f64 = 0.1;

impl ServiceTime {
    /// An entry was finished so long after it was claimed.
    pub(crate) fn finished(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.seconds = Some(self.seconds.map_or(took, |mean| mean + NEWEST * (took - mean)));
    }

    /// An entry expired so long after it was claimed. It would have taken longer, nobody knows how
    /// much: it counts twice, so that the average rises until entries are claimed early enough.
    pub(crate) fn ran_out(&mut self, after: Duration) {
        self.finished(after * 2);
    }

    /// An entry whose deadline lies after this instant has time enough; none before anything is known.
    pub(crate) fn horizon(&self, now: Instant) -> Option<Instant> {
        now.checked_add(Duration::try_from_secs_f64(self.seconds?).ok()?)
    }

    /// Whether an entry has less time left than entries take, so that it would be executed in vain.
    ///
    /// Without this, an overloaded queue, whose next entry is always the one that has waited
    /// longest, would execute only entries that expire meanwhile. An entry that has waited for less
    /// than half of its time is always worth a try: so a wrong average can be found wrong.
    pub(crate) fn exceeds(&self, enqueued_at: Instant, deadline: Instant, now: Instant) -> bool {
        let left = deadline.saturating_duration_since(now);
        let allowed = deadline.saturating_duration_since(enqueued_at);
        self.seconds.is_some_and(|seconds| left.as_secs_f64() < seconds) && left < allowed / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_entry_needs_as_much_time_as_others_took() {
        let start = Instant::now();
        let mut service = ServiceTime::default();
        let exceeds = |service: &ServiceTime, waited: Duration| {
            service.exceeds(start, start + 10 * SECOND, start + waited)
        };
        assert!(!exceeds(&service, 9 * SECOND), "nothing is known yet");
        service.finished(2 * SECOND);
        assert!(!exceeds(&service, 8 * SECOND));
        assert!(exceeds(&service, 8 * SECOND + SECOND / 2));
        service.finished(Duration::from_secs(1000));
        assert!(exceeds(&service, 6 * SECOND));
        assert!(!exceeds(&service, 5 * SECOND), "half of its time is left");
    }

    #[test]
    fn running_out_raises_the_average_until_entries_are_claimed_early_enough() {
        let mut service = ServiceTime::default();
        for _ in 0..100 {
            // Each is claimed with as little time as the average allows, and needs 3 s.
            let left = Duration::from_secs_f64(service.seconds.unwrap_or(0.1));
            if left < 3 * SECOND {
                service.ran_out(left);
            } else {
                service.finished(3 * SECOND);
            }
        }
        let seconds = service.seconds.unwrap();
        assert!((2.5..=3.5).contains(&seconds), "{seconds}");
    }
}
