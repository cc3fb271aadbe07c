//! What is different between two mappings of a policy, key by key. Pure.

use std::fmt;

use crate::policy::shown::Keys;

/// One difference between two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Such as `models.detector.max_batch_size`, or `models.detector` for a whole model.
    pub key: String,
    /// What it was; absent where it was not there, or is not to be seen.
    pub before: Option<String>,
    /// What it is; absent where it is not there any more, or is not to be seen.
    pub after: Option<String>,
    /// What becomes of it.
    pub effect: Effect,
}

/// What becomes of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What runs goes by it from now on.
    InPlace,
    /// Replicas are opened with it.
    NewReplicas,
    /// The model is new.
    PoolStarts,
    /// The model is none any more.
    PoolEnds,
    /// The ingest is new.
    IngestStarts,
    /// The ingest is none any more.
    IngestStops,
    /// A consumer is made with it.
    IngestRestarts,
    /// The ingest's transactions are written to other sinks.
    IngestFollows,
    /// The sink is new.
    SinkOpens,
    /// The sink is another one at the same place.
    SinkReopens,
    /// The sink is none any more.
    SinkCloses,
    /// It cannot be changed while the gateway runs.
    NeedsRestart,
}

impl Effect {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::InPlace => "applied in place",
            Self::NewReplicas => "new replicas start, then the old ones finish and go",
            Self::PoolStarts => "its replicas start",
            Self::PoolEnds => "its replicas finish what waits and go",
            Self::IngestStarts => "starts",
            Self::IngestStops => "takes no more, delivers, commits and stops",
            Self::IngestRestarts => "delivers, commits, and starts again",
            Self::IngestFollows => {
                "delivers, commits, and starts again, since its transactions write to the sinks"
            }
            Self::SinkOpens => "opened",
            Self::SinkReopens => "goes on with it",
            Self::SinkCloses => "flushed and closed",
            Self::NeedsRestart => "refused: needs a restart of the gateway",
        }
    }
}

/// `key: before → after: effect`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(
            &self.key,
            self.before.as_deref(),
            self.after.as_deref(),
            self.effect.words(),
        ))
    }
}

/// A change in one line, as people read it.
pub fn line(key: &str, before: Option<&str>, after: Option<&str>, effect: &str) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("~ {key}: {before} → {after}: {effect}"),
        (None, Some(after)) => format!("+ {key}: {after}: {effect}"),
        (Some(before), None) => format!("- {key}: {before}: {effect}"),
        (None, None) => format!("~ {key}: changed: {effect}"),
    }
}

/// What is different between two mappings at `path`; `effect` says what becomes of each key.
pub(super) fn compare(
    path: &str,
    before: &Keys,
    after: &Keys,
    effect: impl Fn(&str) -> Effect,
) -> Vec<Change> {
    let value = |keys: &Keys, key: &str| {
        keys.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    };
    let gone = before.iter().filter(|(key, _)| value(after, key).is_none());
    let change = |key: &str| Change {
        key: format!("{path}.{key}"),
        before: value(before, key),
        after: value(after, key),
        effect: effect(key),
    };
    let all = gone.chain(after).map(|(key, _)| change(key));
    all.filter(|change| change.before != change.after).collect()
}

/// Something whole that comes or goes: told by its first key, which says most of it.
pub(super) fn whole(
    path: String,
    before: Option<&Keys>,
    after: Option<&Keys>,
    effect: Effect,
) -> Change {
    let first = |keys: &Keys| keys.first().map(|(_, value)| value.clone()).unwrap_or_default();
    Change { key: path, before: before.map(first), after: after.map(first), effect }
}
