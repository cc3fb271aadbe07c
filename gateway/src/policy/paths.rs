//! Paths in a policy are relative to the folder of its file.

use std::path::{Component, Path, PathBuf, absolute};

use super::checks::Checks;
use super::key::TextKey;
use super::raw::Text;

/// The longest path, in bytes (Linux's PATH_MAX).
const LONGEST_PATH: usize = 4096;

pub(super) const PATH: TextKey = TextKey::new("path");

/// The folder that relative paths start from, absolute.
pub(super) struct Base(PathBuf);

impl Base {
    /// The folder of `file`.
    pub(super) fn of(file: &Path) -> Self {
        let folder =
            file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self(absolute(folder).unwrap_or_else(|_| folder.to_owned())) // fails only without a working directory
    }

    /// The path in `text`, absolute and without `.` and `..`.
    pub(super) fn path(&self, text: &Text, checks: &mut Checks) -> PathBuf {
        self.join(&checks.text(text, "a path", LONGEST_PATH))
    }

    /// `path` from this folder. `..` is taken by name and not through symlinks, so that a reference by absolute path
    /// has the prefix that is written here.
    pub(super) fn join(&self, path: &str) -> PathBuf {
        let mut joined = PathBuf::new();
        for component in self.0.join(path).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    joined.pop();
                }
                other => joined.push(other),
            }
        }
        joined
    }
}
