//! Watches the policy's file by looking at it: the same on every file system, and for files that are
//! written, replaced, or led elsewhere by a symlink, as Kubernetes does with a whole folder.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{signal::unix::Signal, task::spawn_blocking, time::sleep};
use tracing::info;

use super::{Live, verdict::Source};
use crate::policy::{Document, PolicyErrors};

/// A file that is looked at again and again.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    looks: Looks,
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

/// When to read the file: once it is another one, and nobody is writing it any more. Pure.
#[derive(Debug)]
struct Looks {
    /// As it was read last.
    read: Option<Stamp>,
    /// As it was seen last, if that was different.
    seen: Option<Stamp>,
}

/// How often the file is looked at. A change is read at the second look that finds it the same.
const LOOK: Duration = Duration::from_millis(500);

impl FileWatch {
    /// Of the file as it is now. To be made before it is read, so that no change is missed.
    pub fn new(path: &Path) -> Self {
        let looks = Looks { read: Stamp::of(path).ok(), seen: None };
        Self { path: path.to_owned(), looks }
    }

    /// Applies what stands in the file whenever that changes, and at each `hangup`, until the gateway
    /// stops.
    pub(crate) async fn follow(mut self, live: Arc<Live>, mut hangup: Signal) {
        loop {
            let source = tokio::select! {
                () = live.closing() => return,
                Some(()) = hangup.recv() => Source::Signal,
                () = sleep(LOOK) => match self.look() {
                    true => Source::File,
                    false => continue,
                },
            };
            info!(source = source.name(), file = %self.path.display(), "policy file is read again");
            let document = self.read().await;
            live.take(source, document).await;
        }
    }

    fn look(&mut self) -> bool {
        self.looks.look(Stamp::of(&self.path).ok())
    }

    async fn read(&mut self) -> Result<Document, PolicyErrors> {
        self.looks.read_now(Stamp::of(&self.path).ok());
        let path = self.path.clone();
        let read = spawn_blocking(move || Document::load(&path)).await;
        read.unwrap_or_else(|_| Err(PolicyErrors::of_panic(&self.path)))
    }
}

impl Stamp {
    /// It follows symlinks: what it is of is the file at their end.
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Looks {
    /// Whether to read the file, being so now. One that is missing is waited for: an editor may be
    /// putting another one in its place.
    fn look(&mut self, now: Option<Stamp>) -> bool {
        let is_other = now.is_some() && now != self.read;
        let is_quiet = is_other && now == self.seen;
        self.seen = now.filter(|_| is_other && !is_quiet);
        is_quiet
    }

    fn read_now(&mut self, now: Option<Stamp>) {
        (self.read, self.seen) = (now, None);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stamp(inode: u64, size: u64) -> Option<Stamp> {
        Some(Stamp { device: 1, inode, size, changed: (7, 0) })
    }

    /// What each look answers; a file that is to be read is read at once.
    fn looks(looks: &[Option<Stamp>]) -> Vec<bool> {
        let mut watch = Looks { read: stamp(1, 10), seen: None };
        let look = |now: &Option<Stamp>| {
            let is_due = watch.look(*now);
            if is_due {
                watch.read_now(*now);
            }
            is_due
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn a_file_is_read_once_it_is_another_one_and_quiet() {
        let (same, other) = (stamp(1, 10), stamp(2, 10));
        let table: [(&[Option<Stamp>], &[bool]); 5] = [
            (&[same, same, same], &[false; 3]),
            (&[other, other, other], &[false, true, false]),
            (&[stamp(1, 1), stamp(1, 5), stamp(1, 9), stamp(1, 9)], &[false, false, false, true]),
            (&[None, None, other, None, other, other], &[false, false, false, false, false, true]),
            (&[other, same, other, other], &[false, false, false, true]),
        ];
        for (seen, expected) in table {
            assert_eq!(looks(seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn a_file_that_is_written_replaced_or_led_elsewhere_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let stamp = || Stamp::of(&at("policy.yaml")).unwrap();
        for version in ["1", "2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("policy.yaml"), "same").unwrap();
        }
        std::os::unix::fs::symlink("1", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/policy.yaml", at("policy.yaml")).unwrap();
        let first = stamp();
        assert_eq!(stamp(), first);
        std::os::unix::fs::symlink("2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        let second = stamp();
        assert_ne!(second, first, "the folder was led elsewhere");
        fs::write(at("2/policy.yaml"), "longer").unwrap();
        let third = stamp();
        assert_ne!(third, second, "it was written");
        fs::write(at("new"), "longer").unwrap();
        fs::rename(at("new"), at("2/policy.yaml")).unwrap();
        assert_ne!(stamp(), third, "it was replaced");
    }
}
