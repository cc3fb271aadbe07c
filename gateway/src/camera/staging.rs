use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
};

use anyhow::Context;

/// A folder that becomes visible under its name only when it is whole. Dropped before that, it is
/// removed with what it holds.
pub(super) struct Staging(PathBuf);

impl Staging {
    /// Makes an empty folder beside `target`, on the same file system so that it can be renamed.
    pub(super) fn beside(target: &Path) -> anyhow::Result<Self> {
        let random = RandomState::new().hash_one(());
        let folder = target.with_extension(format!("{random:016x}.partial"));
        fs::create_dir_all(&folder).with_context(|| {
            format!(
                "cannot write to the bucket at {}: make it writable, or correct --bucket",
                folder.display()
            )
        })?;
        Ok(Self(folder))
    }

    /// Where to write.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Gives the folder its name. If somebody was faster, theirs stays and this one goes.
    pub(super) fn publish(self, target: &Path) -> anyhow::Result<()> {
        match fs::rename(&self.0, target) {
            Err(_) if target.is_dir() => Ok(()),
            renamed => {
                renamed.with_context(|| format!("cannot finish {} in the bucket", target.display()))
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, and nobody to tell if removing fails.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn only_the_first_to_publish_is_kept() {
        let bucket = tempfile::tempdir().unwrap();
        let target = bucket.path().join("clip");
        let (first, second) =
            (Staging::beside(&target).unwrap(), Staging::beside(&target).unwrap());
        for (staging, content) in [(&first, "first"), (&second, "second")] {
            fs::write(staging.folder().join("000001.jpg"), content).unwrap();
        }
        first.publish(&target).unwrap();
        second.publish(&target).unwrap();
        assert_eq!(names(bucket.path()), ["clip"]);
        assert_eq!(fs::read_to_string(target.join("000001.jpg")).unwrap(), "first");
    }

    #[test]
    fn what_is_not_published_is_removed() {
        let bucket = tempfile::tempdir().unwrap();
        let staging = Staging::beside(&bucket.path().join("clip")).unwrap();
        fs::write(staging.folder().join("000001.jpg"), "half").unwrap();
        drop(staging);
        assert!(names(bucket.path()).is_empty());
    }
}
