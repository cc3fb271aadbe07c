//! A sink of files, one JSON object in each line.

mod aside;
mod file;
mod line_writer;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

pub(super) use self::line_writer::LineWriter;
use super::{Acknowledged, Batch, Began, Sink, set::Files};
use crate::policy;

/// Appends results to one file and drops to another. Both are rotated and forced onto the disk as
/// the policy says.
pub(super) struct JsonlSink {
    name: String,
    policy: policy::JsonlSink,
    results: LineWriter,
    drops: Option<LineWriter>,
}

impl JsonlSink {
    /// Takes the files over that are `known`, and opens the others into `opened`, creating them and
    /// their folders. What is taken over goes on by the policy of before until [`Sink::begin`].
    ///
    /// # Errors
    /// The file that cannot be opened, why, and what to do.
    pub(super) async fn open(
        policy: &policy::JsonlSink,
        known: &Files,
        opened: &mut Files,
    ) -> anyhow::Result<Self> {
        let results = writer(&policy.path, policy, known, opened).await?;
        let drops = match &policy.drops {
            Some(path) => Some(writer(path, policy, known, opened).await?),
            None => None,
        };
        let name = format!("jsonl {}", policy.path.display());
        Ok(Self { name, policy: policy.clone(), results, drops })
    }
}

async fn writer(
    path: &Path,
    policy: &policy::JsonlSink,
    known: &Files,
    opened: &mut Files,
) -> anyhow::Result<LineWriter> {
    if let Some(writer) = known.get(path) {
        return Ok(writer.clone());
    }
    let writer = LineWriter::open(path, policy).await?;
    opened.insert(path.to_owned(), writer.clone());
    Ok(writer)
}

impl Sink for JsonlSink {
    fn deliver(&self, batch: Arc<Batch>) -> Acknowledged<'_> {
        Box::pin(async move {
            if !batch.results.is_empty() {
                self.results.write(Arc::clone(&batch), |batch| &batch.results).await?;
            }
            match &self.drops {
                Some(drops) if !batch.drops.is_empty() => {
                    drops.write(batch, |batch| &batch.drops).await
                }
                _ => Ok(()),
            }
        })
    }

    fn flush(&self) -> Acknowledged<'_> {
        Box::pin(async move {
            self.results.flush().await?;
            match &self.drops {
                Some(drops) => drops.flush().await,
                None => Ok(()),
            }
        })
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&self) -> Began<'_> {
        Box::pin(async move {
            for writer in std::iter::once(&self.results).chain(&self.drops) {
                writer.adjust(&self.policy).await;
            }
        })
    }
}
