use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use framegate_proto::{ErrorCode, ServeError};

use super::bucket::{Bucket, BucketError, is_name};

/// The longest reference, in bytes of UTF-8.
const MAX_REFERENCE_BYTES: usize = 4096;

/// The buckets that may be read. An empty set denies every reference.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    buckets: Arc<[Arc<Bucket>]>,
}

/// One object of one configured bucket: what a reference was resolved to.
///
/// It keeps its bucket alive, so a change of the policy does not change what it means.
#[derive(Debug, Clone)]
pub struct ObjectRef {
    bucket: Arc<Bucket>,
    key: Box<str>,
}

/// The forms of a reference that may name an object in a bucket.
enum Form<'a> {
    /// `file:///path`, `s3://bucket/key`, or an absolute path as its `file:` URL.
    Url(Cow<'a, str>),
    /// `NAME:key`, by a bucket's configured name.
    Named { name: &'a str, key: &'a str },
}

impl Buckets {
    /// The set of these buckets. Where one lies inside another, the inner one answers for its keys.
    ///
    /// # Errors
    /// Two buckets of the same name.
    pub fn new(buckets: Vec<Bucket>) -> Result<Self, BucketError> {
        for (index, bucket) in buckets.iter().enumerate() {
            if buckets[..index].iter().any(|other| other.name() == bucket.name()) {
                return Err(BucketError::DuplicateName(bucket.name().to_owned()));
            }
        }
        Ok(Self { buckets: buckets.into_iter().map(Arc::new).collect() })
    }

    /// The object that a reference names; nothing is opened.
    ///
    /// Taken are `file:///path` and `s3://bucket/key` beneath a bucket's url, `NAME:key` by a
    /// bucket's name, and an absolute path beneath a file bucket's url. Schemes are in lower case.
    /// Nothing is ever percent-decoded: a `%` is an ordinary character of a key, encoded separators
    /// are refused everywhere, and a `file:` URL with `%`, `?` or `#` is refused because producers
    /// disagree on what those mean (the other forms can name such a file).
    ///
    /// # Errors
    /// `MalformedReference` for what is of no such form, has an empty or `.` segment, control
    /// characters, backslashes or more than 4096 bytes; `ReferenceNotAllowed` for a well-formed
    /// reference to elsewhere: a `..` segment, another scheme or host, no such bucket.
    pub fn resolve(&self, uri: &str) -> Result<ObjectRef, ServeError> {
        let found = match Form::parse(uri)? {
            Form::Url(url) => self.beneath(&url),
            Form::Named { name, key } => self.named(name).map(|bucket| (bucket, key.into())),
        };
        let (bucket, key) = found.ok_or(ErrorCode::ReferenceNotAllowed)?;
        Ok(ObjectRef { bucket: Arc::clone(bucket), key })
    }

    fn beneath(&self, url: &str) -> Option<(&Arc<Bucket>, Box<str>)> {
        let keys = self.buckets.iter().filter_map(|bucket| Some((bucket, key_in(bucket, url)?)));
        keys.min_by_key(|(_, key)| key.len())
    }

    fn named(&self, name: &str) -> Option<&Arc<Bucket>> {
        self.buckets.iter().find(|bucket| bucket.name() == name)
    }
}

impl ObjectRef {
    /// The configured name of the bucket.
    pub fn bucket(&self) -> &str {
        self.bucket.name()
    }

    /// The key within the bucket: segments separated by `/`, none empty, `.` or `..`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The object's bytes; it blocks the thread. See [`Bucket::read`].
    pub(super) fn read(&self, limit: u64) -> Option<Result<Bytes, ServeError>> {
        self.bucket.read(&self.key, limit)
    }

    /// Whether a network is in between.
    pub(super) fn is_remote(&self) -> bool {
        self.bucket.remote().is_some()
    }

    /// The object's bytes, over the network. See `S3Bucket::get`.
    pub(super) async fn fetch(&self, limit: u64) -> Result<Bytes, ServeError> {
        match self.bucket.remote() {
            Some(objects) => objects.get(&self.key, limit).await,
            // Only remote objects are fetched.
            None => Err(ErrorCode::Internal.into()),
        }
    }
}

impl<'a> Form<'a> {
    fn parse(uri: &'a str) -> Result<Self, ServeError> {
        check_text(uri)?;
        if let Some(path) = uri.strip_prefix('/') {
            check_key(path)?;
            return Ok(Self::Url(Cow::Owned(format!("file://{uri}"))));
        }
        let (head, rest) = uri.split_once(':').ok_or(ErrorCode::MalformedReference)?;
        if !is_name(head) {
            return Err(ErrorCode::MalformedReference.into());
        }
        match rest.strip_prefix("//") {
            Some(rest) => Self::url(uri, head, rest),
            None => {
                check_key(rest)?;
                Ok(Self::Named { name: head, key: rest })
            }
        }
    }

    fn url(uri: &'a str, scheme: &str, rest: &str) -> Result<Self, ServeError> {
        match scheme {
            "file" => {
                if rest.contains(['%', '?', '#']) {
                    return Err(ErrorCode::MalformedReference.into());
                }
                // What stands before the path is another host.
                check_key(rest.strip_prefix('/').ok_or(ErrorCode::ReferenceNotAllowed)?)?;
            }
            "s3" => {
                check_key(rest)?;
                if !rest.contains('/') {
                    return Err(ErrorCode::MalformedReference.into());
                }
            }
            _ => return Err(ErrorCode::ReferenceNotAllowed.into()),
        }
        Ok(Self::Url(Cow::Borrowed(uri)))
    }
}

fn key_in(bucket: &Bucket, url: &str) -> Option<Box<str>> {
    Some(url.strip_prefix(bucket.url())?.strip_prefix('/')?.into())
}

fn check_text(uri: &str) -> Result<(), ServeError> {
    let too_long = uri.len() > MAX_REFERENCE_BYTES;
    let refused = |c: char| c.is_control() || c == '\\';
    if uri.is_empty() || too_long || uri.contains(refused) || has_encoded_separator(uri) {
        return Err(ErrorCode::MalformedReference.into());
    }
    Ok(())
}

/// `%2f`, `%5c` and `%00`: no honest key has them, and a later reader might decode them.
fn has_encoded_separator(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| {
        let encoded = [b"%2f", b"%5c", b"%00"];
        encoded.iter().any(|separator| three.eq_ignore_ascii_case(*separator))
    })
}

fn check_key(key: &str) -> Result<(), ServeError> {
    if key.split('/').any(|segment| segment.is_empty() || segment == ".") {
        return Err(ErrorCode::MalformedReference.into());
    }
    if key.split('/').any(|segment| segment == "..") {
        return Err(ErrorCode::ReferenceNotAllowed.into());
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests/reference.rs"]
mod tests;
