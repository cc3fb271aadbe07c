//! `sinks:` where results of ingested records go.

use std::path::PathBuf;

use super::checks::Checks;
use super::paths::Base;
use super::raw::{RawJsonl, RawSink, Text};

/// Where results of ingested records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// A file of one JSON object per line.
    Jsonl {
        /// The file of results, absolute; no other sink writes it.
        path: PathBuf,
        /// The file of one line per dropped (record, model), absolute; none are written without it.
        drops: Option<PathBuf>,
    },
}

pub(super) fn resolve(raw: &[RawSink], base: &Base, checks: &mut Checks) -> Vec<Sink> {
    let mut written = Vec::new();
    raw.iter()
        .map(|RawSink::Jsonl(RawJsonl { path, drops })| Sink::Jsonl {
            path: file(path, &mut written, base, checks),
            drops: drops.as_ref().map(|drops| file(drops, &mut written, base, checks)),
        })
        .collect()
}

/// The file in `text`, which nothing else in `written` is.
fn file(text: &Text, written: &mut Vec<PathBuf>, base: &Base, checks: &mut Checks) -> PathBuf {
    let path = base.path(text, checks);
    if written.contains(&path) {
        checks.wrong(text, "another sink writes this file already; name another");
    }
    written.push(path.clone());
    path
}
