//! What the schema says is what the resolver does.

use serde_json::{Map, Value, json};

use super::parse_text;
use crate::policy::{Policy, schema};

/// The least policy in which every key can be written: where no default holds, something stands.
fn least() -> Value {
    json!({
        "buckets": [{
            "name": "b", "url": "s3://cams", "region": "r", "credentials": { "file": "c" }
        }],
        "models": {
            "m": { "artifact": "a" },
            "s": { "backend": "simulated", "simulated": { "base": "5ms", "per_item": "1ms" } },
        },
        "ingest": [{
            "kafka": { "brokers": "k:9", "topics": "t", "group": "g" },
            "dead_letter": { "topic": "d" },
        }],
        "sinks": [
            { "jsonl": { "path": "p" } },
            { "kafka": { "brokers": "k:9", "topic": "r" } },
        ],
    })
}

fn run(policy: &Value) -> Policy {
    parse_text(&policy.to_string()).unwrap_or_else(|problems| panic!("{problems}\n{policy:#}"))
}

/// `written`, and below it every default that `schema` states.
fn with_defaults(written: Value, schema: &Value) -> Value {
    match written {
        Value::Object(fields) => Value::Object(fields_with_defaults(fields, schema)),
        Value::Array(items) => {
            items.into_iter().map(|item| with_defaults(item, &schema["items"])).collect()
        }
        scalar => scalar,
    }
}

fn fields_with_defaults(mut fields: Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let tagged = schema["oneOf"].as_array().into_iter().flatten();
    let properties = tagged.chain([schema]).filter_map(|schema| schema["properties"].as_object());
    for (key, schema) in properties.flatten() {
        let holds_defaults = schema["required"].is_null() && schema["x-default"].is_null();
        let mapping = schema["properties"].is_object() && holds_defaults;
        let default = schema.get("default").cloned().or_else(|| mapping.then(|| json!({})));
        if let Some(default) = default {
            fields.entry(key).or_insert(default);
        }
        if let Some(value) = fields.remove(key) {
            fields.insert(key.clone(), with_defaults(value, schema));
        }
    }
    let by_name = &schema["additionalProperties"];
    if by_name.is_object() {
        return fields
            .into_iter()
            .map(|(name, value)| (name, with_defaults(value, by_name)))
            .collect();
    }
    fields
}

#[test]
fn the_defaults_that_the_schema_states_are_those_that_hold() {
    let written = with_defaults(least(), &schema());
    let stated = written.to_string().matches("\":").count();
    assert!(stated > 50, "few defaults were found:\n{written:#}");
    // A simulated model has no artifact, and its own backend; that it has both defaults shows nothing.
    assert_eq!(run(&least()), run(&written));
}

/// The paths of all keys with a range in the least policy, and the range.
fn ranges(path: &str, schema: &Value, found: &mut Vec<(String, String)>) {
    if let Some(range) = schema["x-range"].as_array() {
        let ends: Vec<&str> = range.iter().filter_map(Value::as_str).collect();
        found.push((path.to_owned(), format!("from {} to {};", ends[0], ends[1])));
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        ranges(&format!("{path}/{key}"), schema, found);
    }
    ranges_within(path, schema, found);
}

fn ranges_within(path: &str, schema: &Value, found: &mut Vec<(String, String)>) {
    if schema["items"].is_object() {
        ranges(&format!("{path}/0"), &schema["items"], found);
    }
    if schema["additionalProperties"].is_object() {
        for name in ["m", "s"] {
            ranges(&format!("{path}/{name}"), &schema["additionalProperties"], found);
        }
    }
}

/// `policy` with `value` at `path`.
fn set(policy: &mut Value, path: &str, value: &str) {
    let mut place = policy;
    for key in path.split('/').skip(1) {
        place = match place {
            Value::Array(items) => &mut items[key.parse::<usize>().unwrap()],
            other => &mut other[key],
        };
    }
    *place = json!(value);
}

#[test]
fn the_bounds_that_the_schema_states_are_those_that_hold() {
    let mut found = Vec::new();
    ranges("", &schema(), &mut found);
    assert!(found.len() > 30, "few ranges were found: {found:?}");
    // Each model lacks what the other one is made of.
    let is_there =
        |path: &str| !path.starts_with("/models/m/simulated") && path != "/models/s/version";
    for (path, range) in found.iter().filter(|(path, _)| is_there(path)) {
        let mut policy = least();
        let huge = ["9999999999", "999999h", "9999TiB", "9999GP"];
        let refusals = huge.map(|value| {
            set(&mut policy, path, value);
            parse_text(&policy.to_string())
                .map_or_else(|problems| problems.to_string(), |_| String::new())
        });
        let told = refusals.iter().any(|refusal| refusal.contains(range.as_str()));
        assert!(told, "{path} should be refused with its range, {range}\n{refusals:#?}");
    }
}
