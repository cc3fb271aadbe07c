use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    time::Instant,
};

use super::aside;
use crate::policy::{Fsync, Rotation};

/// A file of lines: appended to, put aside for a new one, and forced onto the disk as the policy
/// says. Each line that was appended is whole, and in exactly one file.
pub(super) struct LineFile {
    path: PathBuf,
    rotation: Option<Rotation>,
    fsync: Fsync,

    file: File,
    /// Where the file ends if nothing but whole lines was written.
    end: u64,
    /// Whether a failed write may have left a part of a line behind `end`.
    torn: bool,
    /// When its first line was written.
    begun: Instant,
    /// Since when lines wait to be forced onto the disk; only with [`Fsync::Every`].
    unforced: Option<Instant>,
    /// After one that failed, no rotation is tried before this.
    no_rotation_before: Option<Instant>,
}

/// The pause after a rotation that failed, in which lines go on into the file as it is.
const ROTATION_PAUSE: Duration = Duration::from_secs(10);

impl LineFile {
    /// Opens the file for appending, creating it and its folders.
    ///
    /// # Errors
    /// Its name, why it cannot be opened, and what to do.
    pub(super) async fn open(
        path: &Path,
        rotation: Option<Rotation>,
        fsync: Fsync,
    ) -> anyhow::Result<Self> {
        let shown = path.display();
        let folders = missing_folders(path);
        if let Some(folder) = folder_of(path) {
            fs::create_dir_all(folder).await.with_context(|| {
                format!("{shown}: cannot create its folder; create it, or choose another path")
            })?;
        }
        let opened = Self::open_in_folder(path, rotation, fsync).await.with_context(|| {
            format!("{shown}: cannot be opened for appending; give the gateway the right to write there, or choose another path")
        })?;
        if fsync != Fsync::Never {
            let forced = force_folders(&folders).await;
            forced
                .with_context(|| format!("{shown}: its folder cannot be forced onto the disk"))?;
        }
        Ok(opened)
    }

    /// Rotates and forces the file by these from now on.
    pub(super) fn adjust(&mut self, rotation: Option<Rotation>, fsync: Fsync) {
        (self.rotation, self.fsync) = (rotation, fsync);
    }

    async fn open_in_folder(
        path: &Path,
        rotation: Option<Rotation>,
        fsync: Fsync,
    ) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).read(true).create(true).open(path).await?;
        let end = file.seek(io::SeekFrom::End(0)).await?;
        let age = file.metadata().await?.created().ok().and_then(|created| created.elapsed().ok());
        let now = Instant::now();
        let mut opened = Self {
            path: path.to_owned(),
            rotation,
            fsync,
            file,
            end,
            torn: false,
            begun: age.and_then(|age| now.checked_sub(age)).unwrap_or(now),
            unforced: None,
            no_rotation_before: None,
        };
        if end > 0 && opened.last_byte().await? != b'\n' {
            // A process that was killed left a part of a line. It was never acknowledged, so it is
            // only closed, to keep the next line whole.
            opened.write(b"\n").await?;
        }
        Ok(opened)
    }

    async fn last_byte(&mut self) -> io::Result<u8> {
        self.file.seek(io::SeekFrom::End(-1)).await?;
        self.file.read_u8().await
    }

    /// Appends whole lines, into a new file if this one would grow too large by them.
    ///
    /// # Errors
    /// When they cannot be written, or not be forced onto the disk where the policy wants that
    /// first. Then none of them counts, and what reached the file is cut off before the next.
    pub(super) async fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let size = self.rotation.and_then(|rotation| rotation.size);
        if size.is_some_and(|size| self.end + lines.len() as u64 > size) && !lines.is_empty() {
            self.rotate().await;
        }
        self.write(lines).await
    }

    /// Forces what was appended onto the disk, unless the policy never does that.
    ///
    /// # Errors
    /// When the disk refuses; then it is tried again when it is due.
    pub(super) async fn force(&mut self) -> io::Result<()> {
        if self.unforced.is_some() {
            self.file.sync_data().await?;
            self.unforced = None;
        }
        Ok(())
    }

    /// When [`LineFile::tend`] has something to do, if ever.
    pub(super) fn due(&self) -> Option<Instant> {
        let force = match (self.fsync, self.unforced) {
            (Fsync::Every(interval), Some(since)) => Some(since + interval),
            _ => None,
        };
        let rotate = self.rotation.and_then(|rotation| rotation.interval);
        let rotate = rotate.filter(|_| self.end > 0).map(|interval| self.begun + interval);
        let rotate = rotate.map(|due| self.no_rotation_before.map_or(due, |pause| due.max(pause)));
        force.into_iter().chain(rotate).min()
    }

    /// Does what is due by now. What fails is logged and tried again later.
    pub(super) async fn tend(&mut self) {
        let now = Instant::now();
        if let (Fsync::Every(interval), Some(since)) = (self.fsync, self.unforced)
            && since + interval <= now
            && let Err(error) = self.force().await
        {
            tracing::error!(file = %self.path.display(), %error, "lines not forced onto the disk; a power cut may lose them");
            self.unforced = Some(now);
        }
        let interval = self.rotation.and_then(|rotation| rotation.interval);
        if interval.is_some_and(|interval| self.end > 0 && self.begun + interval <= now) {
            self.rotate().await;
        }
    }

    async fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.cut_torn().await?;
        self.torn = true;
        self.file.write_all(lines).await?;
        self.file.flush().await?;
        if self.fsync == Fsync::Batch && !lines.is_empty() {
            self.file.sync_data().await?;
        }
        self.torn = false;
        if self.end == 0 {
            self.begun = Instant::now();
        }
        self.end += lines.len() as u64;
        if matches!(self.fsync, Fsync::Every(_)) && !lines.is_empty() {
            self.unforced.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    async fn cut_torn(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.end).await?;
            self.torn = false;
        }
        Ok(())
    }

    /// Puts the file aside and begins a new one. If that fails, lines go on into this one, and it
    /// is tried again after a pause.
    async fn rotate(&mut self) {
        let now = Instant::now();
        if self.end == 0 || self.no_rotation_before.is_some_and(|pause| now < pause) {
            return;
        }
        self.no_rotation_before = None;
        if let Err(error) = self.try_rotate().await {
            tracing::error!(file = %self.path.display(), %error, "file not rotated; it grows on");
            self.no_rotation_before = Some(now + ROTATION_PAUSE);
            return;
        }
        if let Some(keep) = self.rotation.and_then(|rotation| rotation.keep)
            && let Err(error) = aside::remove_surplus(&self.path, keep).await
        {
            tracing::warn!(file = %self.path.display(), %error, "old files not removed");
        }
    }

    async fn try_rotate(&mut self) -> io::Result<()> {
        self.cut_torn().await?;
        if self.fsync != Fsync::Never {
            self.file.sync_all().await?;
        }
        let aside = aside::next(&self.path).await?;
        fs::rename(&self.path, &aside).await?;
        let mut options = OpenOptions::new();
        match options.append(true).read(true).create_new(true).open(&self.path).await {
            Ok(new) => self.file = new,
            Err(error) => {
                // Back, so that the lines to come stay where they are looked for.
                fs::rename(&aside, &self.path).await?;
                return Err(error);
            }
        }
        self.end = 0;
        self.unforced = None;
        tracing::info!(file = %self.path.display(), aside = %aside.display(), "file rotated");
        if self.fsync != Fsync::Never {
            force_folders(folder_of(&self.path)).await?;
        }
        Ok(())
    }
}

fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| *folder != Path::new(""))
}

/// The file's folder, and those above it up to the first that exists: the names that its creation
/// adds stand in these.
fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for folder in path.ancestors().skip(1).filter(|folder| *folder != Path::new("")) {
        folders.push(folder.to_owned());
        if folder.exists() {
            break;
        }
    }
    folders
}

/// Forces the names in these folders onto the disk.
async fn force_folders<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> io::Result<()> {
    for folder in folders {
        File::open(folder.as_ref()).await?.sync_all().await?;
    }
    Ok(())
}
