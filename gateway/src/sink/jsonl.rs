use std::{path::Path, sync::Arc};

use super::{Acknowledged, Batch, Sink, line_writer::LineWriter};

/// Appends results to one file and drops to another, a JSON object in each line.
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
    pub(super) async fn open(path: &Path, drops: Option<&Path>) -> anyhow::Result<Self> {
        let results = LineWriter::open(path, |batch| &batch.results).await?;
        let drops = match drops {
            Some(path) => Some(LineWriter::open(path, |batch| &batch.drops).await?),
            None => None,
        };
        Ok(Self { name: format!("jsonl {}", path.display()), results, drops })
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
        // An empty batch is answered after everything that waited before it.
        Box::pin(async move {
            self.results.write(Arc::default()).await?;
            match &self.drops {
                Some(drops) => drops.write(Arc::default()).await,
                None => Ok(()),
            }
        })
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SinkRecord;

    fn batch(results: &[&str], drops: &[&str]) -> Arc<Batch> {
        let records = |lines: &[&str]| {
            let record =
                |line: &&str| SinkRecord { camera_id: "1".into(), json: line.as_bytes().into() };
            lines.iter().map(record).collect()
        };
        Arc::new(Batch { results: records(results), drops: records(drops) })
    }

    #[tokio::test]
    async fn what_is_acknowledged_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (results, drops) = (folder.path().join("new/r.jsonl"), folder.path().join("d.jsonl"));
        let sink = JsonlSink::open(&results, Some(&drops)).await.unwrap();
        for round in 1..=50 {
            sink.deliver(batch(&["{1}", "{2}"], &["{3}"])).await.unwrap();
            assert_eq!(std::fs::read_to_string(&results).unwrap(), "{1}\n{2}\n".repeat(round));
            assert_eq!(std::fs::read_to_string(&drops).unwrap(), "{3}\n".repeat(round));
        }
        sink.flush().await.unwrap();
    }

    #[tokio::test]
    async fn batches_that_wait_are_written_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let sink = Arc::new(JsonlSink::open(&path, None).await.unwrap());
        let mut writes = tokio::task::JoinSet::new();
        for number in 0..200 {
            let sink = Arc::clone(&sink);
            let lines = [format!("a{number}"), format!("b{number}")];
            writes.spawn(async move { sink.deliver(batch(&[&lines[0], &lines[1]], &[])).await });
        }
        writes.join_all().await.into_iter().for_each(|written| written.unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 400);
        assert!(lines.chunks(2).all(|pair| pair[0][1..] == pair[1][1..]), "{lines:?}");
    }

    #[tokio::test]
    async fn it_appends_and_closes_a_line_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, "{1}\n{cut").unwrap();
        let sink = JsonlSink::open(&path, None).await.unwrap();
        sink.deliver(batch(&["{2}"], &[])).await.unwrap();
        drop(sink);
        let again = JsonlSink::open(&path, None).await.unwrap();
        again.deliver(batch(&["{3}"], &["{dropped}"])).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{1}\n{cut\n{2}\n{3}\n");
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_no_acknowledgement() {
        let sink = JsonlSink::open(Path::new("/dev/full"), None).await.unwrap();
        let error = sink.deliver(batch(&["{1}"], &[])).await.unwrap_err();
        assert!(error.to_string().starts_with("writing failed: "), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = JsonlSink::open(folder.path(), None).await.err().unwrap();
        let path = folder.path().display().to_string();
        assert!(error.to_string().contains(&path), "{error:#}");
    }
}
