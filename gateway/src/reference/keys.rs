//! A policy's schema as a list of mappings and their keys.

use serde_json::{Map, Value};

use super::table::code;

/// A mapping of a policy.
pub(super) struct Section {
    /// Where it stands: `models.NAME.autoscaling`; empty for the policy itself.
    pub(super) path: String,
    /// What it is for.
    pub(super) meaning: String,
    /// Its keys, by name.
    pub(super) keys: Vec<Row>,
}

/// A key of a mapping.
pub(super) struct Row {
    pub(super) name: String,
    /// How its value is written.
    pub(super) kind: String,
    /// What holds where it is not written.
    pub(super) default: String,
    /// The least and the most.
    pub(super) bounds: String,
    /// What it is for.
    pub(super) meaning: String,
}

/// All mappings within `schema`, each before those within it.
pub(super) fn sections(schema: &Value) -> Vec<Section> {
    let mut sections = Vec::new();
    collect("", schema, &mut sections);
    sections
}

fn collect(path: &str, schema: &Value, sections: &mut Vec<Section>) {
    if let Some(properties) = object(schema, "properties") {
        let required: Vec<&str> = list(schema, "required").filter_map(Value::as_str).collect();
        let row = |(name, schema): (&String, &Value)| {
            Row::of(name, schema, required.contains(&name.as_str()))
        };
        let keys = properties.iter().map(row).collect();
        sections.push(Section { path: path.to_owned(), meaning: meaning(schema), keys });
        for (name, schema) in properties {
            collect(&below(path, name), schema, sections);
        }
    }
    if let Some(items) = schema.get("items") {
        collect(&format!("{path}[]"), items, sections);
    }
    if let Some(values) = schema.get("additionalProperties") {
        collect(&below(path, "NAME"), values, sections);
    }
    for (name, schema) in tagged(schema) {
        collect(&below(path, name), schema, sections);
    }
}

impl Row {
    fn of(name: &str, schema: &Value, required: bool) -> Self {
        let choices: Vec<String> = choices(schema).into_iter().map(|choice| choice.1).collect();
        let meanings = choices.iter().filter(|meaning| !meaning.is_empty()).cloned();
        let meaning: Vec<String> = std::iter::once(meaning(schema)).chain(meanings).collect();
        Self {
            name: name.to_owned(),
            kind: kind(schema),
            default: if required { "required".to_owned() } else { default(schema) },
            bounds: bounds(schema),
            meaning: meaning.join(" "),
        }
    }
}

/// What holds where a key is not written.
pub(super) fn default(schema: &Value) -> String {
    let words = text(schema, "x-default").map(str::to_owned);
    let shown =
        schema.get("default").map(|value| code(value.as_str().unwrap_or(&value.to_string())));
    words.or(shown).unwrap_or_else(|| "–".to_owned())
}

/// The least and the most that may be written; empty without bounds.
pub(super) fn bounds(schema: &Value) -> String {
    let ends: Vec<&str> = list(schema, "x-range").filter_map(Value::as_str).collect();
    ends.join(" to ")
}

fn kind(schema: &Value) -> String {
    let choices = choices(schema);
    let is = |shape: &str| match schema.get("type") {
        Some(Value::Array(shapes)) => shapes.iter().any(|one| one == shape),
        one => one.is_some_and(|one| one == shape),
    };
    match text(schema, "x-kind") {
        Some(kind) => kind.to_owned(),
        None if !choices.is_empty() => {
            choices.into_iter().map(|choice| choice.0).collect::<Vec<_>>().join(", ")
        }
        None if is("boolean") => "`true`, `false`".to_owned(),
        None if is("array") => "list".to_owned(),
        None => "mapping".to_owned(),
    }
}

/// The words that a value may be, and what each means.
fn choices(schema: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for option in list(schema, "oneOf").chain(list(schema, "anyOf")) {
        found.extend(choices(option));
        if let Some(word) = text(option, "const") {
            found.push((code(word), format!("{}: {}", code(word), meaning(option))));
        }
        for name in object(option, "properties").into_iter().flat_map(Map::keys) {
            let word = format!("`{name}: …`");
            let meaning = meaning(option);
            let meaning = if meaning.is_empty() { meaning } else { format!("{word}: {meaning}") };
            found.push((word, meaning));
        }
        let words = list(option, "enum").filter_map(Value::as_str);
        found.extend(words.map(|word| (code(word), String::new())));
    }
    found
}

/// The alternatives that are a mapping of one key, which says what it holds.
fn tagged(schema: &Value) -> Vec<(&String, &Value)> {
    let options =
        list(schema, "oneOf").chain(list(schema, "anyOf").flat_map(|any| list(any, "oneOf")));
    options.filter_map(|option| object(option, "properties")).flatten().collect()
}

fn meaning(schema: &Value) -> String {
    text(schema, "description").unwrap_or_default().replace('\n', " ")
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn text<'a>(schema: &'a Value, key: &str) -> Option<&'a str> {
    schema.get(key)?.as_str()
}

fn object<'a>(schema: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    schema.get(key)?.as_object()
}

fn list<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}
