//! `buckets:` the only places that frames are read from.

use std::path::{Path, PathBuf};

use super::checks::{Checks, is_name, name_reason};
use super::errors::quote;
use super::key::TextKey;
use super::paths::Base;
use super::raw::{RawBucket, Text};

/// Names that would make `NAME:key` look like a URL.
const SCHEMES: [&str; 5] = ["file", "http", "https", "s3", "data"];

pub(super) const URL: TextKey = TextKey::new("URL").like("^file:");

/// A folder that frames are read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// What references call it, as in `NAME:key`; unique.
    pub name: String,
    /// The folder, absolute, without `.` and `..`; unique, never `/`. It need not exist yet.
    pub root: PathBuf,
}

pub(super) fn resolve(raw: &[RawBucket], base: &Base, checks: &mut Checks) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::with_capacity(raw.len());
    for RawBucket { name, url } in raw {
        check_name(name, checks);
        let root = root(url, base, checks);
        if buckets.iter().any(|other| other.name == name.value) {
            checks.wrong(name, format!("another bucket is named {} too", quote(&name.value)));
        }
        if let Some(root) = root {
            if let Some(other) = buckets.iter().find(|other| other.root == root) {
                checks.wrong(url, format!("the bucket `{}` is this folder already", other.name));
            }
            buckets.push(Bucket { name: name.value.clone(), root });
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
        .ok_or("a file URL, such as file:///var/frames or file:frames (beside the policy)")?;
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
