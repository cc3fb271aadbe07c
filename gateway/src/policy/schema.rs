//! The JSON Schema of a policy, for editors: derived from the raw types, with each key's rule.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawPolicy;

/// The schema of a policy (draft 2020-12). Beyond the standard's keywords, a key has `x-kind` (what it is written as),
/// `x-range` (the least and the most, as they are written) and `x-default` (how its default is computed).
#[must_use]
pub fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<RawPolicy>().to_value()
}
