use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Artifact, ArtifactError};

/// The folder that a model is served from, shared by its replicas.
///
/// What it holds is read once and is then the same for all replicas. Only until the first of them
/// has opened it, a failure to open it makes the next try read it anew: so a folder that is
/// repaired is found without a restart, and no two replicas ever serve different versions.
pub struct ArtifactFolder {
    path: PathBuf,
    /// Its number, where it is one version of several.
    number: Option<u64>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    artifact: Option<Arc<Artifact>>,
    /// A backend has opened it.
    is_kept: bool,
}

impl ArtifactFolder {
    /// A folder of which nothing is read yet.
    pub fn new(path: &Path, number: Option<u64>) -> Self {
        Self { path: path.to_owned(), number, current: Mutex::default() }
    }

    /// What is served from it, or will be if it can be opened; absent while nothing could be read.
    pub fn current(&self) -> Option<Arc<Artifact>> {
        self.lock().artifact.clone()
    }

    /// The same; reads it if nothing was read yet, which blocks on files.
    ///
    /// # Errors
    /// When a file is missing or `model.yaml` is not of the known form.
    pub fn read(&self) -> Result<Arc<Artifact>, ArtifactError> {
        if let Some(artifact) = self.current() {
            return Ok(artifact);
        }
        // Not under the lock, which requests take. Of two that read, the first to be done counts.
        let read = Arc::new(Artifact::read(&self.path, self.number)?);
        Ok(self.lock().artifact.get_or_insert(read).clone())
    }

    /// A backend has opened this artifact: it stays. False if another one stays already, since the
    /// files changed in between; then what was opened is not to be served.
    pub(crate) fn keep(&self, opened: &Arc<Artifact>) -> bool {
        let mut current = self.lock();
        if current.is_kept {
            return current.artifact.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, opened));
        }
        *current = Current { artifact: Some(opened.clone()), is_kept: true };
        true
    }

    /// This artifact could not be opened: it is read anew, unless a backend has opened it before.
    pub(crate) fn forget(&self, failed: &Arc<Artifact>) {
        let mut current = self.lock();
        let is_current = current.artifact.as_ref().is_some_and(|it| Arc::ptr_eq(it, failed));
        if is_current && !current.is_kept {
            current.artifact = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn write(folder: &Path, version: &str) {
        let yaml = format!(
            "name: m\nversion: {version}\ntask: embedding\n\
             input: {{ name: x, width: 2, height: 2, channels: rgb, fit: stretch, \
             mean: [0, 0, 0], std: [1, 1, 1] }}\noutputs: {{ embedding: y }}\n"
        );
        fs::write(folder.join("model.yaml"), yaml).unwrap();
        fs::write(folder.join("model.onnx"), "").unwrap();
    }

    fn version(folder: &ArtifactFolder) -> String {
        folder.read().unwrap().version.to_string()
    }

    #[test]
    fn a_folder_is_read_anew_until_it_can_be_opened() {
        let files = TempDir::new().unwrap();
        let folder = ArtifactFolder::new(files.path(), None);
        assert!(folder.read().is_err());
        assert!(folder.current().is_none());
        write(files.path(), "a");
        let first = folder.read().unwrap();
        write(files.path(), "b");
        assert_eq!(version(&folder), "a");
        folder.forget(&first);
        assert!(folder.current().is_none());
        assert_eq!(version(&folder), "b");
        // One that tried in vain before does not forget what was read since.
        folder.forget(&first);
        assert!(folder.current().is_some());
    }

    #[test]
    fn a_version_is_called_by_its_number() {
        let files = TempDir::new().unwrap();
        write(files.path(), "a");
        assert_eq!(version(&ArtifactFolder::new(files.path(), Some(7))), "7");
    }

    #[test]
    fn what_was_opened_first_stays() {
        let files = TempDir::new().unwrap();
        let folder = ArtifactFolder::new(files.path(), None);
        write(files.path(), "a");
        let first = folder.read().unwrap();
        folder.forget(&first);
        write(files.path(), "b");
        let second = folder.read().unwrap();
        assert!(folder.keep(&second));
        assert!(!folder.keep(&first), "replicas would serve different versions");
        assert!(folder.keep(&second));
        folder.forget(&second);
        assert_eq!(version(&folder), "b");
    }
}
