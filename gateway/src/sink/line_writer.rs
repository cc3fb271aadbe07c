use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    sync::{mpsc, oneshot},
};

use super::{Batch, SinkError, SinkRecord};

/// Appends lines to a file. What waits in its queue is written together, with one write and one
/// flush, and then acknowledged (group commit).
///
/// An acknowledged line has reached the operating system: it outlives the process, not the machine.
pub(super) struct LineWriter {
    queue: mpsc::Sender<Job>,
}

/// Which part of a batch goes into the file.
pub(super) type Select = fn(&Batch) -> &[SinkRecord];

struct Job {
    batch: Arc<Batch>,
    written: oneshot::Sender<Result<(), SinkError>>,
}

/// The task that owns the file.
struct Appender {
    file: File,
    /// Where the file ends if nothing but whole lines was written.
    end: u64,
    /// Whether a failed write may have left a part of a line behind `end`.
    torn: bool,
    select: Select,
    buffer: Vec<u8>,
}

/// Batches that wait for the file before [`LineWriter::write`] waits, and that one write may hold.
const QUEUED_BATCHES: usize = 64;

impl LineWriter {
    /// Opens the file for appending, with its folders, and starts its writer.
    pub(super) async fn open(path: &Path, select: Select) -> anyhow::Result<Self> {
        let shown = path.display();
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            tokio::fs::create_dir_all(folder).await.with_context(|| {
                format!("{shown}: cannot create its folder; create it, or choose another path")
            })?;
        }
        let appender = Appender::open(path.to_owned(), select).await.with_context(|| {
            format!("{shown}: cannot be opened for appending; give the gateway the right to write there, or choose another path")
        })?;
        let (queue, jobs) = mpsc::channel(QUEUED_BATCHES);
        tokio::spawn(appender.run(jobs));
        Ok(Self { queue })
    }

    /// Appends its part of the batch, and answers when the file has it.
    pub(super) async fn write(&self, batch: Arc<Batch>) -> Result<(), SinkError> {
        let (written, result) = oneshot::channel();
        self.queue.send(Job { batch, written }).await.map_err(|_| SinkError::Closed)?;
        result.await.map_err(|_| SinkError::Closed)?
    }
}

impl Appender {
    async fn open(path: PathBuf, select: Select) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).read(true).create(true).open(path).await?;
        let end = file.seek(io::SeekFrom::End(0)).await?;
        let mut appender = Self { file, end, torn: false, select, buffer: Vec::new() };
        if end > 0 && appender.last_byte().await? != b'\n' {
            // A process that was killed left a part of a line. It was never acknowledged, so it is
            // only closed, to keep the next line whole.
            appender.append(b"\n").await?;
        }
        Ok(appender)
    }

    async fn last_byte(&mut self) -> io::Result<u8> {
        self.file.seek(io::SeekFrom::End(-1)).await?;
        self.file.read_u8().await
    }

    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(QUEUED_BATCHES);
        while jobs.recv_many(&mut waiting, QUEUED_BATCHES).await > 0 {
            let result = self.write_together(&waiting).await.map_err(Arc::new);
            for job in waiting.drain(..) {
                // A caller that no longer waits has nothing to be told.
                let _ = job.written.send(result.clone().map_err(SinkError::Write));
            }
        }
    }

    async fn write_together(&mut self, jobs: &[Job]) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for record in jobs.iter().flat_map(|job| (self.select)(&job.batch)) {
            buffer.extend_from_slice(&record.json);
            buffer.push(b'\n');
        }
        let result = self.append(&buffer).await;
        self.buffer = buffer;
        result
    }

    async fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.end).await?;
        }
        self.torn = true;
        self.file.write_all(lines).await?;
        self.file.flush().await?;
        self.torn = false;
        self.end += lines.len() as u64;
        Ok(())
    }
}
