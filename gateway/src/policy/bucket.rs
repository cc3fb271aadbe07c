//! `buckets:` the only places that frames are read from.

use std::fmt;
use std::path::{Path, PathBuf};

use framegate_replica::frame::{S3Location, S3Options};

use super::checks::{Checks, is_name, name_reason};
use super::errors::quote;
use super::key::TextKey;
use super::paths::Base;
use super::raw::{RawBucket, Text};
use super::s3;

/// Names that would make `NAME:key` look like a URL.
const SCHEMES: [&str; 5] = ["file", "http", "https", "s3", "data"];

pub(super) const URL: TextKey = TextKey::new("URL").like("^(file:|s3://)");

/// A place that frames are read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// What references call it, as in `NAME:key`; unique.
    pub name: String,
    /// Where its objects are; unique.
    pub place: Place,
}

/// Where a bucket's objects are.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// Files beneath a folder: absolute, without `.` and `..`, never `/`. It need not exist yet.
    Folder(PathBuf),
    /// Objects on S3 or on what speaks its protocol.
    S3 {
        /// The bucket there, and the prefix of all keys.
        location: S3Location,
        /// How it is reached.
        options: S3Options,
    },
}

impl Place {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::S3 { .. } => None,
        }
    }

    /// Whether references by URL could mean either.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => one == other,
            (Self::S3 { location: one, .. }, Self::S3 { location: other, .. }) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::S3 { location, options } => {
                let endpoint = options.endpoint.as_deref().unwrap_or("AWS");
                write!(f, "{location} at {endpoint}, {}", options.region)
            }
        }
    }
}

pub(super) fn resolve(raw: &[RawBucket], base: &Base, checks: &mut Checks) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::with_capacity(raw.len());
    for raw in raw {
        let RawBucket { name, url, .. } = raw;
        check_name(name, checks);
        let place = place(raw, base, checks);
        if buckets.iter().any(|other| other.name == name.value) {
            checks.wrong(name, format!("another bucket is named {} too", quote(&name.value)));
        }
        if let Some(place) = place {
            if let Some(other) = buckets.iter().find(|other| other.place.is_same(&place)) {
                let kind = if place.folder().is_some() { "folder" } else { "place" };
                checks.wrong(url, format!("the bucket `{}` is this {kind} already", other.name));
            }
            buckets.push(Bucket { name: name.value.clone(), place });
        }
    }
    buckets
}

fn check_name(name: &Text, checks: &mut Checks) {
    if !is_name(&name.value) {
        checks.wrong(name, name_reason(&name.value));
    } else if SCHEMES.contains(&name.value.to_ascii_lowercase().as_str()) {
        checks.wrong(name, format!("`{}:` begins a URL; name the bucket otherwise", name.value));
    }
}

fn place(raw: &RawBucket, base: &Base, checks: &mut Checks) -> Option<Place> {
    if raw.url.value.starts_with("s3:") {
        return s3::resolve(raw, base, checks);
    }
    s3::check_absent(raw, checks);
    root(&raw.url, base, checks).map(Place::Folder)
}

/// The folder of a URL: `file:///absolute/path`, or `file:path` relative to the policy's folder.
fn root(url: &Text, base: &Base, checks: &mut Checks) -> Option<PathBuf> {
    match folder(&url.value) {
        Ok(path) => Some(base.join(path)).filter(|root| {
            let whole_disk = root == Path::new("/");
            if whole_disk {
                checks.wrong(url, "a bucket cannot be the whole file system; name a folder");
            }
            !whole_disk
        }),
        Err(reason) => {
            checks.wrong(url, format!("{reason}; got {}", quote(&url.value)));
            None
        }
    }
}

/// The path of a file URL, as it is written there.
fn folder(url: &str) -> Result<&str, &'static str> {
    let path = url
        .strip_prefix("file:")
        .ok_or("a URL, such as s3://cams, file:///var/frames or file:frames (beside the policy)")?;
    if path.contains(|c: char| matches!(c, '%' | '?' | '#') || c.is_control()) {
        return Err("a folder's plain path, without `%`, `?` and `#`");
    }
    match path.strip_prefix("//") {
        None if path.is_empty() => Err("a file URL with a path, such as file:///var/frames"),
        None => Ok(path),
        Some(absolute) if absolute.starts_with('/') => Ok(absolute),
        Some(_) => Err("three slashes before an absolute path, such as file:///var/frames"),
    }
}
