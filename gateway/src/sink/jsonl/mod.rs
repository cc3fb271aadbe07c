//! A sink of files, one JSON object in each line.

mod aside;
mod file;
mod line_writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::line_writer::LineWriter;
use super::{Acknowledged, Batch, Sink};
use crate::policy;

/// Appends results to one file and drops to another. Both are rotated and forced onto the disk as
/// the policy says.
pub(super) struct JsonlSink {
    name: String,
    results: LineWriter,
    drops: Option<LineWriter>,
}

impl JsonlSink {
    /// Opens the files, creating them and their folders.
    ///
    /// # Errors
    /// The file that cannot be opened, why, and what to do.
    pub(super) async fn open(sink: &policy::JsonlSink) -> anyhow::Result<Self> {
        let results = LineWriter::open(&sink.path, sink, |batch| &batch.results).await?;
        let drops = match &sink.drops {
            Some(path) => Some(LineWriter::open(path, sink, |batch| &batch.drops).await?),
            None => None,
        };
        Ok(Self { name: format!("jsonl {}", sink.path.display()), results, drops })
    }
}

impl Sink for JsonlSink {
    fn deliver(&self, batch: Arc<Batch>) -> Acknowledged<'_> {
        Box::pin(async move {
            if !batch.results.is_empty() {
                self.results.write(Arc::clone(&batch)).await?;
            }
            match &self.drops {
                Some(drops) if !batch.drops.is_empty() => drops.write(batch).await,
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
}
