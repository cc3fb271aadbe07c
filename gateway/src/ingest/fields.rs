use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
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
    Object(Value),
    /// Not looked at, because the reference is in a header and the value is something else.
    Ignored,
}

/// Numbers below this are seconds since 1970 (until the year 5138), others milliseconds (from 1973).
const FIRST_MILLISECONDS: f64 = 1e11;
/// The end of the year 9999, in seconds.
const LAST_SECOND: f64 = 253_402_300_799.0;

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

    /// A time: RFC 3339, or a number of seconds or milliseconds since 1970.
    pub(super) fn time(&self, selector: &Selector) -> Result<Option<SystemTime>, BadRecord> {
        let Some(value) = self.value(selector) else { return Ok(None) };
        let time = match value.as_ref() {
            Value::Number(number) => number.as_f64().and_then(time_of_number),
            Value::String(text) => match text.parse::<f64>() {
                Ok(number) => time_of_number(number),
                Err(_) => text.parse::<Timestamp>().ok().map(SystemTime::from),
            },
            _ => None,
        };
        time.map(Some).ok_or(BadRecord::Field("captured_at"))
    }

    /// A count: an unsigned integer, as a number or as text.
    pub(super) fn sequence(&self, selector: &Selector) -> Result<Option<u64>, BadRecord> {
        let Some(value) = self.value(selector) else { return Ok(None) };
        let number = match value.as_ref() {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or(BadRecord::Field("sequence"))
    }

    /// Names: an array of strings, or one string with commas. An empty list counts as absent.
    pub(super) fn models(&self, selector: &Selector) -> Result<Option<Vec<String>>, BadRecord> {
        let Some(value) = self.value(selector) else { return Ok(None) };
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

    /// A field's value; `null` and absent are the same.
    fn value(&self, selector: &Selector) -> Option<Cow<'_, Value>> {
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
    let text = std::str::from_utf8(value).map_err(|_| BadRecord::NotUtf8)?.trim();
    match text.bytes().next() {
        None => Err(BadRecord::NoValue),
        Some(b'{') => {
            serde_json::from_str(text).map(Content::Object).map_err(|_| BadRecord::BrokenJson)
        }
        Some(_) => Ok(Content::Text(text)),
    }
}

/// To the microsecond, which is what a double holds of today's dates.
fn time_of_number(number: f64) -> Option<SystemTime> {
    let seconds = if number < FIRST_MILLISECONDS { number } else { number / 1e3 };
    if !(0.0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    let scale = if number < FIRST_MILLISECONDS { 1e6 } else { 1e3 };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros((number * scale).round() as u64))
}
