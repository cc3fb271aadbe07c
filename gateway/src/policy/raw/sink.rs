//! The keys of `sinks:`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use crate::policy::paths;

/// Where results of records go; each sink has one key, its kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawSink {
    Jsonl(RawJsonl),
}

/// A file of one JSON object per line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawJsonl {
    /// The file of results. It is appended to; no other sink writes it.
    #[schemars(transform = paths::PATH.form())]
    pub path: Text,
    /// The file of one line for each (record, model) that was dropped.
    #[schemars(transform = paths::PATH.form(), extend("x-default" = "none"))]
    pub drops: Option<Text>,
}
