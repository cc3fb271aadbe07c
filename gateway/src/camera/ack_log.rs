use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::record::Acknowledged;

/// Lines that wait for the file before cameras wait for them.
const CAPACITY: usize = 1024;
/// Lines written with one system call.
const BATCH: usize = 256;

/// The file of acknowledged records: one writer, whole lines only.
pub(super) struct AckLog {
    lines: SyncSender<Acknowledged>,
    writer: JoinHandle<io::Result<()>>,
    path: PathBuf,
}

impl AckLog {
    /// Makes the file, or empties it. If it cannot be written later, `stop` is cancelled, since
    /// records that nobody can account for are worth nothing.
    pub(super) fn create(path: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| {
            format!(
                "cannot write {}: make its folder, or choose another place with --acknowledged",
                path.display()
            )
        })?;
        let (lines, received) = sync_channel(CAPACITY);
        let writer = tokio::task::spawn_blocking(move || {
            write_lines(file, received).inspect_err(|_| stop.cancel())
        });
        Ok(Self { lines, writer, path: path.to_owned() })
    }

    /// Where to hand lines in. The file is finished when every sender is dropped.
    pub(super) fn lines(&self) -> SyncSender<Acknowledged> {
        self.lines.clone()
    }

    /// Waits until all that was handed in is in the file.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        drop(self.lines);
        self.writer
            .await?
            .with_context(|| format!("cannot write {}: its list is not whole", self.path.display()))
    }
}

fn write_lines(mut file: impl Write, received: Receiver<Acknowledged>) -> io::Result<()> {
    let mut text = Vec::new();
    while let Ok(first) = received.recv() {
        for line in std::iter::once(first).chain(received.try_iter().take(BATCH)) {
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
        }
        file.write_all(&text)?;
        text.clear();
    }
    Ok(())
}
