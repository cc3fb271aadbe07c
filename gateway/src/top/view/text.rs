//! Figures as short text.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

/// What is written where a figure is not known.
pub const UNKNOWN: &str = "–";

/// A rate or mean with one decimal; large ones without.
pub fn decimal(number: f64) -> String {
    let number = number + 0.0; // a sum of nothing is -0.0, which would show its sign
    if number < 9_999.5 { format!("{number:.1}") } else { format!("{number:.0}") }
}

/// The same for a number that may not be known.
pub fn decimal_if(number: Option<f64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), decimal)
}

/// An age: `212 ms`, `1.2 s`, `12 s`, `3 m`, `5 h`, `2 d`.
pub fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => format!("{} ms", age.as_millis()),
        1..10 => format!("{:.1} s", age.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// The same for an age that may not be known.
pub fn age_if(known: Option<Duration>) -> String {
    known.map_or_else(|| UNKNOWN.to_owned(), age)
}

/// A span of time: `45 s`, `2 m 05 s`, `1 h 02 m`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// A time of day: `19:01:22`.
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%T").to_string()
}

/// At most so many characters; what was cut off is shown by `…`. Control characters of others'
/// text become spaces.
pub fn cut(text: &str, width: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= width {
        return text.chars().map(clean).collect();
    }
    text.chars().map(clean).take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_spans_are_short() {
        let ages = [0.0, 0.2125, 1.25, 59.0, 119.9, 130.0, 8_000.0, 200_000.0];
        let ages = ages.map(|seconds| age(Duration::from_secs_f64(seconds)));
        assert_eq!(ages, ["0 ms", "212 ms", "1.2 s", "59 s", "119 s", "2 m", "2 h", "2 d"]);
        let spans = [45, 125, 3_725].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["45 s", "2 m 05 s", "1 h 02 m"]);
        assert_eq!(age_if(None), "–");
    }

    #[test]
    fn decimals_stay_narrow() {
        assert_eq!(
            [0.0, 42.06, 9_999.4, 12_345.6].map(decimal),
            ["0.0", "42.1", "9999.4", "12346"]
        );
        assert_eq!(decimal(-0.0), "0.0");
        assert_eq!(decimal_if(None), "–");
    }

    #[test]
    fn text_is_cut_where_it_does_not_fit() {
        assert_eq!(cut("camera_1", 8), "camera_1");
        assert_eq!(cut("camera_12", 8), "camera_…");
        assert_eq!(cut("a\tb\u{1b}", 8), "a b ");
    }
}
