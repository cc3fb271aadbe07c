use std::fmt;

use object_store::path::Path;

/// The longest key that S3 takes, in bytes.
const LONGEST_KEY: usize = 1024;

/// A place on S3: `s3://BUCKET`, or `s3://BUCKET/PREFIX` for what lies beneath a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    /// The bucket's name on the server.
    pub bucket: String,
    /// Segments separated by `/`, without one at either end; empty for the whole bucket.
    pub prefix: String,
}

impl S3Location {
    /// The place that a URL names; a slash at its end means nothing.
    ///
    /// # Errors
    /// What is wanted instead.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let place =
            url.strip_prefix("s3://").ok_or("an S3 URL, such as s3://cams or s3://cams/site1")?;
        let place = place.strip_suffix('/').unwrap_or(place);
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if !is_bucket(bucket) {
            return Err("a bucket's name of 3 to 63 lower-case letters, digits, `-` and `.`");
        }
        let whole = prefix.is_empty() && !place.contains('/');
        if !whole && !prefix.split('/').all(is_segment) {
            return Err("a prefix of plain segments, without `.`, `..`, `%`, `?`, `#` and `\\`");
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The URL, without a slash at its end.
    pub fn url(&self) -> String {
        self.to_string()
    }

    /// Where the object of a checked key is; none if S3 can have no such key.
    pub(super) fn path(&self, key: &str) -> Option<Path> {
        let full = match self.prefix.as_str() {
            "" => key.to_owned(),
            prefix => format!("{prefix}/{key}"),
        };
        let path = Path::parse(&full).ok().filter(|_| full.len() <= LONGEST_KEY)?;
        (path.as_ref() == full).then_some(path)
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{separator}{}", self.bucket, self.prefix)
    }
}

fn is_bucket(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| alphanumeric(c) || matches!(c, '-' | '.'))
        && name.starts_with(alphanumeric)
        && name.ends_with(alphanumeric)
        && !name.contains("..")
}

fn is_segment(segment: &str) -> bool {
    let refused = |c: char| c.is_control() || matches!(c, '\\' | '%' | '?' | '#');
    !matches!(segment, "" | "." | "..") && !segment.contains(refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn urls_name_a_bucket_and_a_prefix() {
        for (url, bucket, prefix, kept) in [
            ("s3://cams", "cams", "", "s3://cams"),
            ("s3://cams/", "cams", "", "s3://cams"),
            ("s3://cams/site1/", "cams", "site1", "s3://cams/site1"),
            ("s3://my.cams-1/a b/é", "my.cams-1", "a b/é", "s3://my.cams-1/a b/é"),
        ] {
            let location = S3Location::parse(url).unwrap();
            assert_eq!((location.bucket.as_str(), location.prefix.as_str()), (bucket, prefix));
            assert_eq!(location.url(), kept);
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "cams",
            "s3:cams",
            "S3://cams",
            "s3://",
            "s3:///a",
            "s3://ab",
            "s3://Cams",
            "s3://cams.",
            "s3://a..b",
            "s3://user@cams",
            "s3://cams:80",
            "s3://cams//",
            "s3://cams//a",
            "s3://cams/a/../b",
            "s3://cams/./a",
            "s3://cams/a%2fb",
            "s3://cams/a?b",
            "s3://cams/a#b",
            "s3://cams/a\\b",
            "s3://cams/a\nb",
        ] {
            assert!(S3Location::parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn keys_stay_what_they_are_beneath_the_prefix() {
        let location = S3Location::parse("s3://cams/site1").unwrap();
        for key in ["a.jpg", "100%/~{x}.jpg", "a?b#c", "é/🎥.png"] {
            let path = location.path(key).unwrap();
            assert_eq!(path.as_ref(), format!("site1/{key}"));
        }
        assert!(location.path("../site2/a.jpg").is_none());
        assert!(location.path(&"k".repeat(LONGEST_KEY - 6)).is_some());
        assert!(location.path(&"k".repeat(LONGEST_KEY - 5)).is_none());
    }
}
