//! `overload:` what becomes of records when there are more than can be done.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::checks::Checks;
use super::errors::quote;
use super::key::Key;
use super::nearest::instead;
use super::raw::{RawOverload, Text};
use super::units::whole;

pub(super) const EVERY_NTH: Key<u64> = Key::new(whole(), 2, 1_000_000);

/// What becomes of records when there are more than can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// They wait in their topics. The default.
    ProcessAll,
    /// Of each camera only the newest waits, at each model; it replaces the one before.
    LatestOnly,
    /// One of so many of each camera is processed, overload or not; 2 to 1,000,000. The rest is dropped unseen.
    EveryNth(u64),
}

impl Overload {
    pub(super) fn resolve(raw: &RawOverload, checks: &mut Checks) -> Self {
        match raw {
            RawOverload::ProcessAll => Self::ProcessAll,
            RawOverload::LatestOnly => Self::LatestOnly,
            RawOverload::EveryNth(n) => Self::EveryNth(checks.required(n, EVERY_NTH)),
        }
    }
}

const WORDS: &[&str] = &["process_all", "latest_only", "every_nth"];
const SHAPE: &str = "process_all, latest_only or { every_nth: 3 }";

/// By hand, since the reader finds no place for a word that lacks its number.
impl<'de> Deserialize<'de> for RawOverload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OverloadVisitor)
    }
}

struct OverloadVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEveryNth {
    every_nth: Text,
}

impl<'de> Visitor<'de> for OverloadVisitor {
    type Value = RawOverload;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(SHAPE)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RawOverload, E> {
        match word {
            "process_all" => Ok(RawOverload::ProcessAll),
            "latest_only" => Ok(RawOverload::LatestOnly),
            "every_nth" => Err(E::custom("`every_nth` needs its number; write { every_nth: 3 }")),
            _ => {
                let instead = instead(word, WORDS.iter().copied());
                Err(E::custom(format_args!("{} is not accepted; {instead}", quote(word))))
            }
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<RawOverload, E> {
        misshapen()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<RawOverload, E> {
        misshapen()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<RawOverload, E> {
        misshapen()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<RawOverload, E> {
        misshapen()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<RawOverload, A::Error> {
        misshapen()
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawOverload, A::Error> {
        let RawEveryNth { every_nth } = RawEveryNth::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RawOverload::EveryNth(every_nth))
    }
}

/// Only an error of our own is reported where the value stands.
fn misshapen<E: Error>() -> Result<RawOverload, E> {
    Err(E::custom(format_args!("write {SHAPE}")))
}
