use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions, OpenOptionsExt},
};
use framegate_proto::{ErrorCode, ServeError};

use super::s3::S3Bucket;
use crate::failpoint;

/// A place that frames may be read from: a name, a URL prefix, and how its objects are read.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    /// The prefix of its objects' URLs, without a slash at the end.
    url: String,
    store: Store,
}

/// Where a bucket's objects are.
#[derive(Debug)]
enum Store {
    /// Files beneath a folder.
    Folder(PathBuf),
    /// Objects beneath a place on S3.
    S3(S3Bucket),
}

/// Why a bucket of the policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// The name cannot stand before the colon of `NAME:key`.
    #[error("bucket name {0:?} is not valid; use up to 63 letters, digits, '-', '_', '.' or '+'")]
    Name(String),
    /// Two buckets have this name.
    #[error("two buckets are named {0:?}; give each its own name")]
    DuplicateName(String),
    /// The URL is not `file:///` and an absolute path of plain segments.
    #[error("bucket url {0:?} is not valid; use file:///absolute/path without '.', '..' or '%'")]
    Url(String),
}

impl Bucket {
    /// The bucket of this name over the folder that a `file:///absolute/path` URL names.
    /// The folder need not exist yet.
    ///
    /// # Errors
    /// A name that cannot stand in `NAME:key`, or a URL of another form.
    pub fn new(name: &str, url: &str) -> Result<Self, BucketError> {
        if !is_name(name) {
            return Err(BucketError::Name(name.to_owned()));
        }
        let path = folder_path(url).ok_or_else(|| BucketError::Url(url.to_owned()))?;
        let store = Store::Folder(if path.is_empty() { "/".into() } else { path.into() });
        Ok(Self { name: name.to_owned(), url: format!("file://{path}"), store })
    }

    /// The bucket of this name over a place on S3.
    ///
    /// # Errors
    /// A name that cannot stand in `NAME:key`.
    pub fn s3(name: &str, objects: S3Bucket) -> Result<Self, BucketError> {
        if !is_name(name) {
            return Err(BucketError::Name(name.to_owned()));
        }
        let url = objects.location().url();
        Ok(Self { name: name.to_owned(), url, store: Store::S3(objects) })
    }

    /// The configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The prefix of its objects' URLs, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its objects are, if not on this machine.
    pub(super) fn remote(&self) -> Option<&S3Bucket> {
        match &self.store {
            Store::Folder(_) => None,
            Store::S3(objects) => Some(objects),
        }
    }

    /// Reads the file of a checked key; it blocks the thread and reads at most `limit` bytes.
    /// None where a network is in between: those objects are to be awaited.
    ///
    /// # Errors
    /// `ObjectNotFound` (also for what is no regular file), `ObjectTooLarge` above `limit` bytes,
    /// `ReferenceNotAllowed` for a symlink that leads out of the bucket, else `BucketUnavailable`.
    pub(super) fn read(&self, key: &str, limit: u64) -> Option<Result<Bytes, ServeError>> {
        let Store::Folder(root) = &self.store else { return None };
        let read = read_file(root, Path::new(key), limit);
        Some(read.map_err(|failure| self.error(key, failure)))
    }

    fn error(&self, key: &str, failure: Failure) -> ServeError {
        match failure {
            Failure::Code(code) => code.into(),
            Failure::Io(error) => {
                tracing::warn!(bucket = self.name, key, %error, "a bucket cannot be read");
                ErrorCode::BucketUnavailable.into()
            }
        }
    }
}

/// Why a file was not read.
enum Failure {
    Code(ErrorCode),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether a text can stand before the colon of a reference, as a bucket's name or a scheme.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'+');
    (1..=63).contains(&text.len()) && text.bytes().all(allowed)
}

/// The absolute path of a `file:` URL without the slash at its end: `""` is the file system's root.
fn folder_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("file://")?.trim_end_matches('/');
    let plain = |segment: &str| !matches!(segment, "" | "." | "..");
    let clean = !path.contains(|c: char| c.is_control() || matches!(c, '\\' | '%' | '?' | '#'));
    let absolute = match path.strip_prefix('/') {
        Some(inner) => inner.split('/').all(plain),
        None => path.is_empty() && url.len() > "file://".len(),
    };
    (clean && absolute).then_some(path)
}

/// The root is opened for each object: a folder that is made, mounted or replaced later is seen,
/// for a microsecond each.
fn read_file(root: &Path, key: &Path, limit: u64) -> Result<Bytes, Failure> {
    failpoint!("fetch.before", Failure::Io(io::Error::other("failpoint")));
    let root = Dir::open_ambient_dir(root, ambient_authority())?;
    // Nobody waits for a FIFO's writer, and no terminal becomes ours; for files neither matters.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = root.open_with(key, &options).map_err(opening_failed)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Failure::Code(ErrorCode::ObjectNotFound));
    }
    let bytes = read_at_most(file, metadata.len(), limit)?;
    failpoint!("fetch.after", Failure::Io(io::Error::other("failpoint")));
    Ok(bytes)
}

/// As many bytes as the open handle said that it has: what is written meanwhile is not waited for, and
/// there is no further read that looks for an end.
fn read_at_most(mut file: File, size: u64, limit: u64) -> Result<Bytes, Failure> {
    let allowed = usize::try_from(size).ok().filter(|_| size <= limit);
    let size = allowed.ok_or(Failure::Code(ErrorCode::ObjectTooLarge))?;
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}

fn opening_failed(error: io::Error) -> Failure {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    let escaped = error.kind() == PermissionDenied && error.raw_os_error().is_none();
    if escaped {
        // cap-std's own refusal of a path that leads out of the root; the kernel's has a number.
        return Failure::Code(ErrorCode::ReferenceNotAllowed);
    }
    let unopenable = matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO));
    if unopenable || matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) {
        return Failure::Code(ErrorCode::ObjectNotFound);
    }
    Failure::Io(error)
}

#[cfg(test)]
#[path = "tests/bucket.rs"]
mod tests;
