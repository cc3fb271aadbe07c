//! `version:` which version of a model is served, where its folder holds several: `detector/3/model.onnx`.

use std::fs;
use std::path::{Path, PathBuf};

use super::key::Key;
use super::units::whole;

pub(super) const VERSION: Key<u64> =
    Key::new(whole(), 1, 1_000_000_000).or_words("the highest in the folder");

/// What a folder needs to be a version: one that is still being copied has not all of it.
const FILES: [&str; 2] = ["model.onnx", "model.yaml"];

/// The folder that is served, and its number where it is one version of several.
pub(super) fn resolve(folder: PathBuf, written: Option<u64>) -> (PathBuf, Option<u64>) {
    match written.or_else(|| highest(&folder)) {
        Some(number) => (folder.join(number.to_string()), Some(number)),
        None => (folder, None),
    }
}

/// The highest version in the folder; none if it is a model itself, or holds none.
fn highest(folder: &Path) -> Option<u64> {
    if folder.join("model.yaml").exists() {
        return None;
    }
    let entries = fs::read_dir(folder).ok()?;
    let number = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let number: u64 = name.to_str()?.parse().ok()?;
        let is_one = name.to_str() == Some(&number.to_string()) && is_allowed(number);
        (is_one && FILES.iter().all(|file| entry.path().join(file).exists())).then_some(number)
    };
    entries.filter_map(Result::ok).filter_map(number).max()
}

fn is_allowed(number: u64) -> bool {
    (VERSION.least..=VERSION.most).contains(&number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn add(root: &Path, folder: &str, files: &[&str]) {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
    }

    #[test]
    fn the_highest_whole_version_is_served() {
        let root = tempfile::tempdir().unwrap();
        let found = |written| resolve(root.path().to_owned(), written);
        assert_eq!(found(None), (root.path().to_owned(), None), "none at all");
        for name in ["2", "10", "011", "0", "x12", "-13"] {
            add(root.path(), name, &FILES);
        }
        add(root.path(), "99", &["model.onnx"]);
        assert_eq!(found(None), (root.path().join("10"), Some(10)));
        assert_eq!(found(Some(2)), (root.path().join("2"), Some(2)));
        assert_eq!(found(Some(7)), (root.path().join("7"), Some(7)), "missing, as is told later");
    }

    #[test]
    fn a_folder_that_is_a_model_is_served_itself() {
        let root = tempfile::tempdir().unwrap();
        add(root.path(), "3", &FILES);
        add(root.path(), ".", &FILES);
        assert_eq!(resolve(root.path().to_owned(), None), (root.path().to_owned(), None));
    }
}
