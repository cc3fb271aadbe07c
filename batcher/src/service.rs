//! How long claimed entries take until they end, and so which entries are not worth claiming.

use std::time::Duration;

use tokio::time::Instant;

/// A moving average over the last entries, from claim to end, and how far they are from it: the
/// estimate of RFC 6298, section 2, where it bounds how long an answer takes.
#[derive(Debug, Default)]
pub(crate) struct ServiceTime {
    average: Option<Average>,
}

#[derive(Debug, Clone, Copy)]
struct Average {
    seconds: f64,
    /// How far entries are from that, on average.
    deviation: f64,
    /// When the newest entry ended.
    at: Instant,
}

/// Weight of the newest entry: about the last ten count.
const NEWEST: f64 = 0.1;
/// What entries take lies within so many deviations (the `K` of RFC 6298).
const DEVIATIONS: f64 = 4.0;

impl Average {
    /// What nearly all entries take at most, in seconds.
    fn most_take(&self) -> f64 {
        self.seconds + DEVIATIONS * self.deviation
    }
}

impl ServiceTime {
    /// An entry was finished now, so long after it was claimed.
    pub(crate) fn finished(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let (seconds, deviation) = self.average.map_or((took, 0.0), |old| {
            let error = took - old.seconds;
            (old.seconds + NEWEST * error, old.deviation + NEWEST * (error.abs() - old.deviation))
        });
        self.average = Some(Average { seconds, deviation, at: now });
    }

    /// An entry ran out of time now, so long after it was claimed. It would have taken longer, nobody knows
    /// how much: it counts twice, so that the average rises until entries are claimed early enough.
    pub(crate) fn ran_out(&mut self, after: Duration, now: Instant) {
        self.finished(after * 2, now);
    }

    /// An entry whose deadline lies after this instant has time enough; none before anything is known.
    pub(crate) fn horizon(&self, now: Instant) -> Option<Instant> {
        let seconds = self.average?.most_take();
        now.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    /// Whether an entry has less time left than entries take, so that it would be executed in vain.
    ///
    /// Without this, an overloaded queue, whose next entry is always the one that has waited
    /// longest, would execute only entries that expire meanwhile. An average that is older than
    /// the whole time that an entry was given says nothing about it: so one that is wrong, and
    /// keeps everything from being tried, is found wrong.
    pub(crate) fn exceeds(&self, enqueued_at: Instant, deadline: Instant, now: Instant) -> bool {
        let left = deadline.saturating_duration_since(now);
        let given = deadline.saturating_duration_since(enqueued_at);
        self.average.is_some_and(|average| {
            left.as_secs_f64() < average.most_take()
                && now.saturating_duration_since(average.at) <= given
        })
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
        service.finished(2 * SECOND, start);
        assert!(!exceeds(&service, 8 * SECOND));
        assert!(exceeds(&service, 8 * SECOND + SECOND / 2));
    }

    #[test]
    fn what_was_learnt_too_long_ago_does_not_count() {
        let start = Instant::now();
        let mut service = ServiceTime::default();
        service.finished(1000 * SECOND, start);
        let exceeds = |now| service.exceeds(now, now + 2 * SECOND, now);
        assert!(exceeds(start + 2 * SECOND));
        assert!(!exceeds(start + 3 * SECOND), "nothing has ended for longer than the entry lives");
    }

    #[test]
    fn running_out_raises_the_average_until_entries_are_claimed_early_enough() {
        let (now, mut service) = (Instant::now(), ServiceTime::default());
        let seconds = |service: &ServiceTime| service.average.map(|average| average.most_take());
        for _ in 0..100 {
            // Each is claimed with as little time as the average allows, and needs 3 s.
            let left = Duration::from_secs_f64(seconds(&service).unwrap_or(0.1));
            if left < 3 * SECOND {
                service.ran_out(left, now);
            } else {
                service.finished(3 * SECOND, now);
            }
        }
        let seconds = seconds(&service).unwrap();
        assert!((2.5..=3.5).contains(&seconds), "{seconds}");
    }
}
