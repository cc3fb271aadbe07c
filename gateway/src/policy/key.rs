//! The rule of a key: what it may hold, and what holds where it is not written. The resolver and the schema both read
//! it, so that what is documented is what runs.

use schemars::Schema;
use serde_json::{Value, json};

use super::units::{Json, Kind};

/// The rule of a key whose value has a range.
#[derive(Clone, Copy)]
pub(super) struct Key<N: 'static> {
    /// How it is written.
    pub kind: Kind<N>,
    /// The least that is accepted.
    pub least: N,
    /// The most that is accepted.
    pub most: N,
    /// What holds where it is not written; none where something must be written, or where that is computed.
    pub default: Option<N>,
    /// What holds instead, in words.
    words: Option<&'static str>,
}

/// The rule of a key that holds text.
#[derive(Clone, Copy)]
pub(super) struct TextKey {
    /// What it is: "path".
    noun: &'static str,
    /// What holds where it is not written.
    pub default: &'static str,
    /// What holds instead, in words.
    words: Option<&'static str>,
    /// What it must look like (a regular expression).
    pattern: Option<&'static str>,
}

impl<N: Copy> Key<N> {
    /// A key without a default.
    pub(super) const fn new(kind: Kind<N>, least: N, most: N) -> Self {
        Self { kind, least, most, default: None, words: None }
    }

    /// The key where `default` holds unless something is written.
    pub(super) const fn or(self, default: N) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The key whose default is no value of its kind, or is computed; `words` say what holds.
    pub(super) const fn or_words(self, words: &'static str) -> Self {
        Self { words: Some(words), ..self }
    }

    /// Puts the rule into the schema of its field.
    pub(super) fn form(self) -> impl FnMut(&mut Schema) {
        move |schema| {
            let show = |value| (self.kind.show)(value);
            let number = |value| serde_json::from_str::<Value>(&show(value)).unwrap_or_default();
            match self.kind.json {
                Json::Integer => set_type(schema, "integer"),
                Json::Number => set_type(schema, "number"),
                Json::Units(tables) => {
                    schema.insert("pattern".into(), pattern(tables).into());
                }
            }
            if !matches!(self.kind.json, Json::Units(_)) {
                schema.insert("minimum".into(), number(self.least));
                schema.insert("maximum".into(), number(self.most));
            }
            if let Some(default) = self.default {
                let text = matches!(self.kind.json, Json::Units(_));
                let shown = if text { show(default).into() } else { number(default) };
                schema.insert("default".into(), shown);
            }
            if let Some(words) = self.words {
                schema.insert("x-default".into(), words.into());
            }
            schema.insert("x-kind".into(), noun(self.kind.noun).into());
            schema.insert("x-range".into(), json!([show(self.least), show(self.most)]));
        }
    }
}

impl TextKey {
    /// Any text that is called `noun`.
    pub(super) const fn new(noun: &'static str) -> Self {
        Self { noun, default: "", words: None, pattern: None }
    }

    /// The key where `default` holds unless something is written.
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// The key that has no default; `words` say what holds.
    pub(super) const fn or_words(self, words: &'static str) -> Self {
        Self { words: Some(words), ..self }
    }

    /// The key whose text looks like `pattern`.
    pub(super) const fn like(self, pattern: &'static str) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// Puts the rule into the schema of its field.
    pub(super) fn form(self) -> impl FnMut(&mut Schema) {
        move |schema| {
            schema.insert("x-kind".into(), self.noun.into());
            if let Some(pattern) = self.pattern {
                schema.insert("pattern".into(), pattern.into());
            }
            if !self.default.is_empty() {
                schema.insert("default".into(), self.default.into());
            }
            if let Some(words) = self.words {
                schema.insert("x-default".into(), words.into());
            }
        }
    }
}

/// Makes the schema's type `name`, or nothing where the key may be left empty.
fn set_type(schema: &mut Schema, name: &str) {
    let nullable = schema.get("type").is_some_and(Value::is_array);
    let shape = if nullable { json!([name, "null"]) } else { json!(name) };
    schema.insert("type".into(), shape);
}

/// A decimal number and a unit of one of the tables.
fn pattern(tables: &[&[(&str, u64)]]) -> String {
    let units: Vec<&str> =
        tables.iter().flat_map(|table| table.iter()).map(|unit| unit.0).collect();
    format!(r"^[0-9]+(\.[0-9]+)?({})$", units.join("|"))
}

/// "a whole number" without its article.
fn noun(words: &str) -> &str {
    words.split_once(' ').map_or(words, |(_, noun)| noun)
}
