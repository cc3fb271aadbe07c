//! What became of the requests.

use std::{collections::BTreeMap, fmt, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Counts and times of a load.
#[derive(Debug)]
pub struct Report {
    ends: BTreeMap<String, u64>,
    not_sent: u64,
    /// From when they were due until they were answered, in microseconds, of those that are `OK`.
    took: Histogram<u64>,
    /// How much later than due they were sent, in microseconds.
    late: Histogram<u64>,
    /// `OK` answers within this time.
    answered: u64,
    lasted: Duration,
}

/// The figures of a report, times in milliseconds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// How requests ended: `OK`, or a reason.
    ends: BTreeMap<String, u64>,
    /// Were due while too many were under way.
    not_sent: u64,
    seconds: f64,
    /// `OK` per second: of a closed load in the time that counts, of an open one until its last answer.
    per_second: f64,
    /// Of those that are `OK`.
    latency_ms: Times,
    /// How much later than due they were sent, in steps of 1 ms: the load's own part of the latency.
    sent_late_ms: Times,
}

#[derive(Debug, Serialize)]
struct Times {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            ends: BTreeMap::new(),
            not_sent: 0,
            took: histogram(),
            late: histogram(),
            answered: 0,
            lasted: Duration::ZERO,
        }
    }
}

#[allow(clippy::expect_used)]
fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are possible")
}

impl Report {
    /// A request has ended, so long after it was due, and sent so long after that.
    pub fn call(&mut self, end: &str, took: Duration, late: Duration) {
        match self.ends.get_mut(end) {
            Some(count) => *count += 1,
            None => drop(self.ends.insert(end.to_owned(), 1)),
        }
        if end == "OK" {
            self.took += micros(took);
        }
        self.late += micros(late);
    }

    /// A request was due that could not be sent.
    pub fn not_sent(&mut self) {
        self.not_sent += 1;
    }

    /// An answer came while the rate is measured, which lasts so long at least.
    pub fn answered(&mut self, end: &str, lasted: Duration) {
        self.answered += u64::from(end == "OK");
        self.lasted = self.lasted.max(lasted);
    }

    /// The figures.
    pub fn figures(&self) -> Figures {
        let seconds = self.lasted.as_secs_f64();
        Figures {
            ends: self.ends.clone(),
            not_sent: self.not_sent,
            seconds,
            per_second: if seconds > 0.0 { self.answered as f64 / seconds } else { 0.0 },
            latency_ms: Times::of(&self.took),
            sent_late_ms: Times::of(&self.late),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Times {
    fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: times.max() as f64 / 1e3 }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, max } = self;
        write!(f, "p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  longest {max:.1}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { ends, not_sent, seconds, per_second, latency_ms, sent_late_ms } =
            self.figures();
        writeln!(f, "OK per second  {per_second:.1} for {seconds:.1} s")?;
        for (end, count) in ends {
            writeln!(f, "{end:<14} {count}")?;
        }
        if not_sent > 0 {
            writeln!(f, "not sent       {not_sent}: too many were under way (--most-in-flight)")?;
        }
        writeln!(f, "latency, ms    {latency_ms}")?;
        writeln!(f, "sent late, ms  {sent_late_ms}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_the_calls() {
        let mut report = Report::default();
        for took in 1..=100 {
            report.call("OK", Duration::from_millis(took), Duration::ZERO);
            report.answered("OK", Duration::from_secs(10));
        }
        report.call("QUEUE_FULL", Duration::from_secs(9), Duration::from_millis(2));
        report.not_sent();
        let figures = report.figures();
        assert!((figures.per_second - 10.0).abs() < 1e-9 && figures.not_sent == 1);
        assert!((figures.latency_ms.p50 - 50.0).abs() < 0.1 && figures.latency_ms.max < 101.0);
        assert!(report.to_string().contains("QUEUE_FULL     1\n"), "{report}");
    }
}
