use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

use super::record::{BadRecord, Header, MAX_VALUE_BYTES, RawRecord};
use crate::policy::{RecordMap, Selector};

/// The fields of one record, from its value and its headers.
pub(super) struct Fields<'a> {
    value: Content<'a>,
    headers: &'a [Header],
}

enum Content<'a> {
    Text(&'a str),
    /// The same as a JSON string.
    Reference(String),
    Object(Value),
    /// Not looked at, because the reference is in a header and the value is something else.
    Ignored,
}

/// Numbers below the first are seconds since 1970 (until the year 5138), below the next
/// milliseconds (from 1973), then microseconds, and nanoseconds (of the same years).
const FIRST_OF_UNITS: [(f64, f64); 3] = [(1e11, 1.0), (1e14, 1e3), (1e17, 1e6)];
const NANOSECONDS: f64 = 1e9;
/// The end of the year 9999, in seconds.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// The first byte of a value in the form of Confluent's Schema Registry, which no text has.
const SCHEMA_MAGIC: u8 = 0;

impl<'a> Fields<'a> {
    pub(super) fn of(raw: &RawRecord<'a>, map: &RecordMap) -> Result<Self, BadRecord> {
        let value = match (content(raw.value), &map.uri) {
            (Err(_), Selector::Header(_)) => Content::Ignored,
            (content, _) => content?,
        };
        Ok(Self { value, headers: raw.headers })
    }

    /// The reference as the record has it: not empty.
    pub(super) fn reference(&self, map: &RecordMap) -> Result<Cow<'_, str>, BadRecord> {
        let reference = match (&self.value, &map.uri) {
            (Content::Text(text), Selector::Pointer(_)) => Some(Cow::Borrowed(*text)),
            (Content::Reference(text), Selector::Pointer(_)) => Some(Cow::Borrowed(text.as_str())),
            _ => self.text(&map.uri, "uri")?.map(Cow::Owned),
        };
        reference.filter(|text| !text.is_empty()).ok_or(BadRecord::NoReference)
    }

    /// A name: a string that is not empty, or an integer.
    pub(super) fn text(
        &self,
        selector: &Selector,
        name: &'static str,
    ) -> Result<Option<String>, BadRecord> {
        let Some(value) = self.value(selector) else { return Ok(None) };
        match value.as_ref() {
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Value::Number(number) if !number.is_f64() => Ok(Some(number.to_string())),
            _ => Err(BadRecord::Field(name)),
        }
    }

    /// A time: RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since
    /// 1970.
    pub(super) fn time(&self, selector: &Selector) -> Result<Option<SystemTime>, BadRecord> {
        let Some(value) = self.value(selector) else { return Ok(None) };
        let time = match value.as_ref() {
            Value::Number(number) => number.as_f64().and_then(time_of_number),
            Value::String(text) => time_of_text(text),
            _ => None,
        };
        time.map(Some).ok_or(BadRecord::Field("captured_at"))
    }

    /// A count: an unsigned integer, as a number (`12.0` too, as some languages write it) or as text.
    pub(super) fn sequence(&self, selector: &Selector) -> Result<Option<u64>, BadRecord> {
        let Some(value) = self.value(selector) else { return Ok(None) };
        let number = match value.as_ref() {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or(BadRecord::Field("sequence"))
    }

    /// Names: an array of strings, or one string with commas. An empty list counts as absent.
    pub(super) fn models(&self, selector: &Selector) -> Result<Option<Vec<String>>, BadRecord> {
        let Some(value) = self.field(selector) else { return Ok(None) };
        let names = match value.as_ref() {
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Value::String(text) => Some(text.split(',').map(|name| name.trim().into()).collect()),
            _ => None,
        };
        let names: Vec<String> = names.ok_or(BadRecord::Field("models"))?;
        Ok(Some(names).filter(|names| !names.is_empty()))
    }

    /// A field's single value; that of a list with one element is the element.
    fn value(&self, selector: &Selector) -> Option<Cow<'_, Value>> {
        match self.field(selector)? {
            Cow::Borrowed(Value::Array(items)) if items.len() == 1 => {
                items.first().filter(|item| !item.is_null()).map(Cow::Borrowed)
            }
            other => Some(other),
        }
    }

    /// A field as it is written; `null` and absent are the same.
    fn field(&self, selector: &Selector) -> Option<Cow<'_, Value>> {
        match (selector, &self.value) {
            (Selector::Pointer(pointer), Content::Object(object)) => {
                at(object, pointer).filter(|value| !value.is_null()).map(Cow::Borrowed)
            }
            (Selector::Pointer(_), _) => None,
            (Selector::Header(name), _) => {
                let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
                let text = String::from_utf8_lossy(value.as_deref()?).into_owned();
                Some(Cow::Owned(Value::String(text)))
            }
        }
    }
}

/// What a JSON pointer points at. Nearly always that is a key of the object itself, for which
/// nothing need be allocated.
fn at<'v>(object: &'v Value, pointer: &str) -> Option<&'v Value> {
    match pointer.strip_prefix('/') {
        Some(key) if !key.contains(['/', '~']) => object.get(key),
        _ => object.pointer(pointer),
    }
}

fn content(value: Option<&[u8]>) -> Result<Content<'_>, BadRecord> {
    let value = value.ok_or(BadRecord::NoValue)?;
    if value.len() > MAX_VALUE_BYTES {
        return Err(BadRecord::TooLarge);
    }
    if value.first() == Some(&SCHEMA_MAGIC) {
        return Err(BadRecord::SchemaRegistry);
    }
    let text = std::str::from_utf8(value).map_err(|_| BadRecord::NotUtf8)?;
    // Some producers begin a text with a byte order mark.
    let text = text.trim_start_matches('\u{feff}').trim();
    let json = |text| serde_json::from_str(text).map_err(|_| BadRecord::BrokenJson);
    match text.bytes().next() {
        None => Err(BadRecord::NoValue),
        Some(b'{') => json(text).map(Content::Object),
        // A serializer of JSON writes a plain reference as a string. A key may begin like either.
        Some(b'"' | b'[') => match json(text) {
            Ok(Value::String(reference)) => Ok(Content::Reference(reference)),
            Ok(list) => one_object(list).map(Content::Object),
            Err(_) => Ok(Content::Text(text)),
        },
        Some(_) => Ok(Content::Text(text)),
    }
}

/// The only object of a list.
fn one_object(list: Value) -> Result<Value, BadRecord> {
    match list {
        Value::Array(mut items) if items.len() == 1 && items[0].is_object() => {
            Ok(items.swap_remove(0))
        }
        _ => Err(BadRecord::SeveralFrames),
    }
}

/// A number without a fraction that a double holds exactly.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..=EXACT).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// RFC 3339; without an offset it is UTC. A space may stand for the `T`.
fn time_of_text(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return time_of_number(number);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.into());
    }
    // A date alone is no time of capture.
    let has_time = text.contains(':');
    let civil = text.parse::<DateTime>().ok().filter(|_| has_time)?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().into())
}

/// To the microsecond, which is what a double holds of today's dates.
fn time_of_number(number: f64) -> Option<SystemTime> {
    let unit = FIRST_OF_UNITS.iter().find(|(below, _)| number < *below);
    let seconds = number / unit.map_or(NANOSECONDS, |(_, in_a_second)| *in_a_second);
    if !(0.0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros((seconds * 1e6).round() as u64))
}
