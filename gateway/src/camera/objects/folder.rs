use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::layout::{Layout, PARTIAL};

/// Gives an object a second name, under which it lives on its own; it is copied where the file
/// system has no more names for it.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    let linked = in_folder(to, || fs::hard_link(from, to));
    match linked {
        Err(error) if error.kind() != io::ErrorKind::NotFound => write(to, &fs::read(from)?),
        linked => linked,
    }
}

/// Writes an object; it appears under its name whole or not at all.
pub(super) fn write(to: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut partial = OsString::from(to);
    partial.push(PARTIAL);
    let partial = PathBuf::from(partial);
    in_folder(to, || fs::write(&partial, bytes))?;
    fs::rename(&partial, to)
}

/// Takes a step, again with its folder made if that is missing.
fn in_folder(path: &Path, step: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match (step(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            step()
        }
        (done, _) => done,
    }
}

/// Deletes at most `most` objects of slices that have had their time, and says how many.
pub(super) fn sweep(
    bucket: &Path,
    layout: &Layout,
    expired: impl Fn(&str) -> bool,
    most: usize,
) -> io::Result<usize> {
    let mut deleted = 0;
    for slice in names(&bucket.join(layout.folder()))?.into_iter().filter(|name| expired(name)) {
        let folder = bucket.join(layout.folder()).join(slice);
        for file in names(&folder)?.into_iter().filter(|name| layout.owns(name)) {
            if deleted == most {
                return Ok(deleted);
            }
            absent(fs::remove_file(folder.join(file)))?;
            deleted += 1;
        }
        // What somebody else has put there stays, and so does the folder.
        let _ = fs::remove_dir(&folder);
    }
    Ok(deleted)
}

/// What a folder holds; nothing if there is none.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    Ok(entries.filter_map(name).collect())
}

/// Another process may have been faster.
fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::time::Duration;

    use super::*;

    #[test]
    fn objects_appear_whole_and_only_their_own_slice_goes() {
        let bucket = tempfile::tempdir().unwrap();
        let layout = Layout::new("camera_", Some(Duration::from_secs(10)), 1).unwrap();
        let path = |sequence, time: &str| {
            bucket.path().join(layout.key("camera_1", sequence, "jpg", time.parse().unwrap()))
        };
        let source = bucket.path().join("clip.jpg");
        fs::write(&source, "frame").unwrap();
        let (old, new) = (path(1, "2026-01-01T00:00:00Z"), path(2, "2026-01-01T00:00:05Z"));
        link(&source, &old).unwrap();
        write(&new, b"live").unwrap();
        assert_eq!(
            (fs::read(&old).unwrap(), fs::read(&new).unwrap()),
            (b"frame".into(), b"live".into())
        );
        let notes = new.with_file_name("notes.txt");
        fs::write(&notes, "not a frame").unwrap();

        let oldest = old.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(sweep(bucket.path(), &layout, |slice| slice == oldest, 10).unwrap(), 1);
        assert!(!old.parent().unwrap().exists() && source.exists() && new.exists());
        assert_eq!(sweep(bucket.path(), &layout, |_| true, 10).unwrap(), 1);
        assert!(!new.exists() && notes.exists());
    }

    #[test]
    fn a_sweep_is_bounded() {
        let bucket = tempfile::tempdir().unwrap();
        let layout = Layout::new("camera_", None, 1).unwrap();
        assert_eq!(sweep(bucket.path(), &layout, |_| true, 2).unwrap(), 0);
        for sequence in 1..=5 {
            let key =
                layout.key("camera_1", sequence, "jpg", "2026-01-01T00:00:00Z".parse().unwrap());
            write(&bucket.path().join(key), b"frame").unwrap();
        }
        let swept: Vec<_> =
            (0..4).map(|_| sweep(bucket.path(), &layout, |_| true, 2).unwrap()).collect();
        assert_eq!(swept, [2, 2, 1, 0]);
    }

    #[test]
    fn a_source_that_is_gone_is_an_error() {
        let bucket = tempfile::tempdir().unwrap();
        let gone = link(&bucket.path().join("absent"), &bucket.path().join("a/b.jpg"));
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
