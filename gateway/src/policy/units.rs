//! The kinds of values that a policy holds as text: how each is read, shown, and asked for.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// How a value of type `N` is written.
#[derive(Clone, Copy)]
pub(super) struct Kind<N> {
    /// What to call it before a range: "a duration".
    pub noun: &'static str,
    /// What to write when it cannot be read; none when the range says it all.
    pub form: Option<&'static str>,
    pub parse: fn(&str) -> Option<N>,
    pub show: fn(N) -> String,
    /// What it is in JSON, for the schema.
    pub json: Json,
}

/// What a value is in JSON.
#[derive(Clone, Copy)]
pub(super) enum Json {
    Integer,
    Number,
    /// Text: a number with a unit of one of these tables.
    Units(&'static [&'static [Unit]]),
}

/// A unit's name and how many of the smallest unit it is; tables go from the largest to the smallest.
pub(super) type Unit = (&'static str, u64);

const NANOSECONDS: &[Unit] = &[
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];
const BINARY_BYTES: &[Unit] =
    &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const DECIMAL_BYTES: &[Unit] = &[
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
];
const PIXELS: &[Unit] = &[("GP", 1_000_000_000), ("MP", 1_000_000), ("KP", 1_000), ("P", 1)];

/// `250ms`, `2s`, `1.5s`, `1m`, `1h`.
pub(super) const DURATION: Kind<Duration> = Kind {
    noun: "a duration",
    form: Some("a duration with its unit, such as 5ms"),
    parse: |text| quantity(text, NANOSECONDS).map(Duration::from_nanos),
    show: show_duration,
    json: Json::Units(&[NANOSECONDS]),
};

/// `64MiB` (powers of 1,024) or `20MB` (powers of 1,000).
pub(super) const BYTES: Kind<u64> = Kind {
    noun: "a size",
    form: Some("a size with its unit, such as 64MiB or 20MB"),
    parse: |text| quantity(text, BINARY_BYTES).or_else(|| quantity(text, DECIMAL_BYTES)),
    show: show_bytes,
    json: Json::Units(&[BINARY_BYTES, DECIMAL_BYTES]),
};

/// `64MP` (millions of pixels).
pub(super) const PIXEL_COUNT: Kind<u64> = Kind {
    noun: "a number of pixels",
    form: Some("a number of pixels with its unit, such as 64MP"),
    parse: |text| quantity(text, PIXELS),
    show: |pixels| show(pixels, PIXELS),
    json: Json::Units(&[PIXELS]),
};

/// `0.5`, `16`.
pub(super) const DECIMAL: Kind<f64> = Kind {
    noun: "a number",
    form: None,
    parse: |text| text.parse().ok(),
    show: |number| number.to_string(),
    json: Json::Number,
};

/// `16`.
pub(super) const fn whole<N: FromStr + Display>() -> Kind<N> {
    Kind {
        noun: "a whole number",
        form: None,
        parse: |text| text.parse().ok(),
        show: |number| number.to_string(),
        json: Json::Integer,
    }
}

/// A duration as a policy has it: a decimal number with its unit, such as `250ms` or `1.5s`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    (DURATION.parse)(text)
}

/// A size in the largest unit that shows it whole, of powers of 1,024 if it is one of those.
fn show_bytes(bytes: u64) -> String {
    let decimal = !bytes.is_multiple_of(1024) && bytes.is_multiple_of(1000);
    show(bytes, if decimal { DECIMAL_BYTES } else { BINARY_BYTES })
}

/// A duration in the largest unit that shows it whole.
pub(super) fn show_duration(duration: Duration) -> String {
    match u64::try_from(duration.as_nanos()) {
        Ok(0) => "0s".to_owned(),
        Ok(nanoseconds) => show(nanoseconds, NANOSECONDS),
        Err(_) => format!("{}s", duration.as_secs()),
    }
}

/// `text` in the smallest unit of the table, saturating; none unless it is a decimal number and a unit of the table.
fn quantity(text: &str, units: &[Unit]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let number: f64 = number.parse().ok()?;
    Some((number * *scale as f64).round() as u64)
}

fn show(count: u64, units: &[Unit]) -> String {
    units
        .iter()
        .find(|(_, scale)| count.is_multiple_of(*scale))
        .map_or_else(|| count.to_string(), |(name, scale)| format!("{}{name}", count / scale))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quantities_are_read_exactly() {
        let ms = Duration::from_millis;
        for (text, want) in [
            ("250ms", ms(250)),
            ("2s", ms(2000)),
            ("1m", ms(60_000)),
            ("1.1s", ms(1100)),
            ("0s", ms(0)),
        ] {
            assert_eq!((DURATION.parse)(text), Some(want), "{text}");
        }
        for (text, want) in [("64MiB", 64 << 20), ("20MB", 20_000_000), ("1.5KiB", 1536), ("7B", 7)]
        {
            assert_eq!((BYTES.parse)(text), Some(want), "{text}");
        }
        assert_eq!((PIXEL_COUNT.parse)("64MP"), Some(64_000_000));
    }

    #[test]
    fn a_number_alone_or_an_unknown_unit_is_nothing() {
        for text in
            ["5", "5 ms", "ms", "", "-5ms", "+5ms", "5msec", "1d", ".s", "1.2.3s", "５ms", "infs"]
        {
            assert_eq!((DURATION.parse)(text), None, "{text}");
        }
        assert_eq!((BYTES.parse)("5mib"), None);
        assert_eq!((PIXEL_COUNT.parse)("64"), None);
    }

    #[test]
    fn a_huge_quantity_saturates() {
        let text = format!("{}TiB", "9".repeat(400));
        assert_eq!((BYTES.parse)(&text), Some(u64::MAX));
        assert_eq!((DURATION.parse)("99999999999999h"), Some(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["5ms", "1500ms", "1h", "90s", "0s"] {
            assert_eq!(show_duration((DURATION.parse)(text).unwrap()), text);
        }
        for text in ["64MiB", "1MB", "1023B"] {
            assert_eq!((BYTES.show)((BYTES.parse)(text).unwrap()), text);
        }
        assert_eq!((PIXEL_COUNT.show)(64_000_000), "64MP");
    }
}
