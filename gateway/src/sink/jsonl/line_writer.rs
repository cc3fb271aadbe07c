use std::{io, path::Path, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::file::LineFile;
use crate::{
    policy::JsonlSink,
    sink::{Batch, SinkError, SinkRecord},
};

/// Appends lines to a file. What waits in its queue is written together, with one write and at
/// most one fsync, and then acknowledged (group commit).
///
/// An acknowledged line has reached the operating system: it outlives the process. Whether it
/// outlives the machine is for the file's fsync policy to say.
#[derive(Clone)]
pub(in crate::sink) struct LineWriter {
    queue: mpsc::Sender<Job>,
}

/// Which part of a batch goes into the file.
pub(super) type Select = fn(&Batch) -> &[SinkRecord];

enum Job {
    Write(Lines),
    /// The file's rotation and fsync are those of this policy from now on.
    Adjust(JsonlSink),
}

struct Lines {
    batch: Arc<Batch>,
    select: Select,
    /// Whether everything up to here is to be forced onto the disk, if the policy ever does.
    flush: bool,
    written: oneshot::Sender<Result<(), SinkError>>,
}

/// The task that owns the file.
struct Writer {
    file: LineFile,
    buffer: Vec<u8>,
}

/// Batches that wait for the file before [`LineWriter::write`] waits, and that one write may hold.
const QUEUED_BATCHES: usize = 64;

impl LineWriter {
    /// Opens the file for appending, with its folders, and starts its writer, which ends with the
    /// last clone of this.
    pub(super) async fn open(path: &Path, sink: &JsonlSink) -> anyhow::Result<Self> {
        let file = LineFile::open(path, sink.rotate, sink.fsync).await?;
        let (queue, jobs) = mpsc::channel(QUEUED_BATCHES);
        tokio::spawn(Writer { file, buffer: Vec::new() }.run(jobs));
        Ok(Self { queue })
    }

    /// Appends a part of the batch, and answers when the file has it.
    pub(super) async fn write(&self, batch: Arc<Batch>, select: Select) -> Result<(), SinkError> {
        self.ask(batch, select, false).await
    }

    /// Rotates and forces the file as this policy says, from now on.
    pub(super) async fn adjust(&self, policy: &JsonlSink) {
        // A writer that has ended says so to who writes.
        let _ = self.queue.send(Job::Adjust(policy.clone())).await;
    }

    /// Answers when everything that waited before is in the file, and forced onto the disk unless
    /// the policy never does that.
    pub(super) async fn flush(&self) -> Result<(), SinkError> {
        self.ask(Arc::default(), |_| &[], true).await
    }

    async fn ask(&self, batch: Arc<Batch>, select: Select, flush: bool) -> Result<(), SinkError> {
        let (written, result) = oneshot::channel();
        let job = Job::Write(Lines { batch, select, flush, written });
        self.queue.send(job).await.map_err(|_| SinkError::Closed)?;
        result.await.map_err(|_| SinkError::Closed)?
    }
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(QUEUED_BATCHES);
        loop {
            tokio::select! {
                taken = jobs.recv_many(&mut waiting, QUEUED_BATCHES) => {
                    if taken == 0 {
                        return;
                    }
                    self.write_together(&mut waiting).await;
                }
                () = at(self.file.due()) => {}
            }
            self.file.tend().await;
        }
    }

    async fn write_together(&mut self, jobs: &mut Vec<Job>) {
        let mut waiting = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            match job {
                Job::Write(lines) => waiting.push(lines),
                Job::Adjust(policy) => self.file.adjust(policy.rotate, policy.fsync),
            }
        }
        let result = self.write(&waiting).await.map_err(Arc::new);
        for lines in waiting {
            // A caller that no longer waits has nothing to be told.
            let _ = lines.written.send(result.clone().map_err(SinkError::Write));
        }
    }

    async fn write(&mut self, waiting: &[Lines]) -> io::Result<()> {
        self.buffer.clear();
        for record in waiting.iter().flat_map(|lines| (lines.select)(&lines.batch)) {
            self.buffer.extend_from_slice(&record.json);
            self.buffer.push(b'\n');
        }
        self.file.append(&self.buffer).await?;
        if waiting.iter().any(|lines| lines.flush) { self.file.force().await } else { Ok(()) }
    }
}

/// Then, or never.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
