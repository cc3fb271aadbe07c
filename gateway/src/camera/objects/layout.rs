use std::time::Duration;

use anyhow::ensure;
use jiff::{Timestamp, fmt::strtime, tz::TimeZone};

/// The bucket's folder of objects of one frame each.
const FRAMES: &str = "frames";
/// How the end of a slice is written, in UTC.
const SLICE_NAME: &str = "%Y%m%dT%H%M%SZ";
/// What a file is called until it is whole: its name and this.
pub(super) const PARTIAL: &str = ".partial";
/// Seconds of the longest slice.
const LONGEST_SLICE: i64 = 60;
/// Slices that are kept at a time, about.
const SLICES_KEPT: i64 = 10;
/// Hex digits that tell the objects of one run from those of another.
const RUN_DIGITS: usize = 16;

/// Where objects of one frame each are in the bucket:
/// `frames/camera_N/20261122T221010Z/camera_17-RUN-000042.jpg`. All cameras share a folder for each
/// slice of time, which is named after its end: so what has had its time is told by names alone,
/// also what a killed run left, and whatever else is in the bucket is never taken for one of them.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    topic_prefix: String,
    /// Seconds.
    slice: i64,
    run: String,
}

impl Layout {
    /// Errors say why no folder can be named after the prefix.
    pub(super) fn new(
        topic_prefix: &str,
        keep: Option<Duration>,
        run: u64,
    ) -> anyhow::Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        ensure!(
            topic_prefix.chars().all(plain),
            "--topic-prefix is {topic_prefix}: topics have letters, digits, `.`, `_` and `-` only"
        );
        let kept = keep.map_or(i64::MAX, |keep| i64::try_from(keep.as_secs()).unwrap_or(i64::MAX));
        let slice = (kept / SLICES_KEPT).clamp(1, LONGEST_SLICE);
        Ok(Self { topic_prefix: topic_prefix.to_owned(), slice, run: format!("{run:016x}") })
    }

    /// How long a slice is.
    pub(super) fn slice(&self) -> Duration {
        Duration::from_secs(self.slice.unsigned_abs())
    }

    /// The folder that holds the slices. The `N` stands for any camera's number.
    pub(super) fn folder(&self) -> String {
        format!("{FRAMES}/{}N", self.topic_prefix)
    }

    /// The key of a frame that was captured at `at`.
    pub(super) fn key(
        &self,
        camera_id: &str,
        sequence: u64,
        extension: &str,
        at: Timestamp,
    ) -> String {
        let slice = slice_name((at.as_second().div_euclid(self.slice) + 1) * self.slice);
        let (folder, run) = (self.folder(), &self.run);
        format!("{folder}/{slice}/{camera_id}-{run}-{sequence:06}.{extension}")
    }

    /// Whether this is the name of a slice whose last object is older than `keep`.
    pub(super) fn expired(&self, slice: &str, keep: Duration, now: Timestamp) -> bool {
        let Some(end) = slice_end(slice) else { return false };
        let age = now.as_second().saturating_sub(end);
        u64::try_from(age).is_ok_and(|age| age >= keep.as_secs().max(1))
    }

    /// Whether a camera of this prefix, of any run, has written the file; also one it left unfinished.
    pub(super) fn owns(&self, file: &str) -> bool {
        let name = file.strip_suffix(PARTIAL).unwrap_or(file);
        let parts = || {
            let (stem, extension) = name.strip_prefix(&self.topic_prefix)?.rsplit_once('.')?;
            let (stem, sequence) = stem.rsplit_once('-')?;
            let (number, run) = stem.rsplit_once('-')?;
            Some((number, run, sequence, extension))
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let hex = |text: &str| text.len() == RUN_DIGITS && u64::from_str_radix(text, 16).is_ok();
        parts().is_some_and(|(number, run, sequence, extension)| {
            let image = matches!(extension, "jpg" | "jpeg" | "png");
            digits(number) && hex(run) && digits(sequence) && image
        })
    }
}

/// Out of any calendar, the number itself: it is no slice then, and stays.
fn slice_name(end: i64) -> String {
    let named = || {
        let end = Timestamp::from_second(end).ok()?.to_zoned(TimeZone::UTC);
        strtime::format(SLICE_NAME, &end).ok()
    };
    named().unwrap_or_else(|| end.to_string())
}

/// Seconds since 1970; none unless the name is written as slices are.
fn slice_end(name: &str) -> Option<i64> {
    let parsed = strtime::parse(SLICE_NAME, name).ok()?.to_datetime().ok()?;
    let end = parsed.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    (slice_name(end) == name).then_some(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const KEEP: Duration = Duration::from_secs(60);

    fn layout(prefix: &str) -> Layout {
        Layout::new(prefix, Some(KEEP), 10).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_slice_is_named_after_its_end() {
        let key = |time: &str| layout("camera_").key("camera_7", 42, "jpg", at(time));
        let expected = "frames/camera_N/20261122T221006Z/camera_7-000000000000000a-000042.jpg";
        assert_eq!(key("2026-11-22T22:10:00Z"), expected);
        assert_eq!(key("2026-11-22T22:10:05.999Z"), expected);
        assert_ne!(key("2026-11-22T22:10:06Z"), expected);
        let slice = |keep: Option<u64>| {
            Layout::new("", keep.map(Duration::from_secs), 0).unwrap().slice().as_secs()
        };
        assert_eq!([Some(1), Some(60), Some(86_400), None].map(slice), [1, 6, 60, 60]);
    }

    #[test]
    fn a_slice_is_kept_for_its_time() {
        let expired = |name: &str, now: &str| layout("camera_").expired(name, KEEP, at(now));
        assert!(!expired("20261122T221006Z", "2026-11-22T22:11:05.999Z"));
        assert!(expired("20261122T221006Z", "2026-11-22T22:11:06Z"));
        assert!(!expired("20261122T221006Z", "2026-11-22T22:00:00Z"));
        for other in
            ["", "clips", "20261122", "20261122T221006", "2026112T221006Z", "20261122T221006Zx"]
        {
            assert!(!expired(other, "2030-01-01T00:00:00Z"), "{other}");
        }
    }

    #[test]
    fn only_what_a_camera_of_the_prefix_wrote_is_its_own() {
        let cameras = layout("camera_");
        let run = "000000000000000a";
        for own in [
            "camera_7-RUN-000042.jpg",
            "camera_150-RUN-1234567.png",
            "camera_7-RUN-000042.jpg.partial",
        ] {
            assert!(cameras.owns(&own.replace("RUN", run)), "{own}");
        }
        for other in [
            "notes.txt",
            "camera_7.jpg",
            "camera_x-RUN-000042.jpg",
            "yard_7-RUN-000042.jpg",
            "camera_7-RUN-000042.txt",
            "camera_7-RUN-.jpg",
            "camera_7-12-000042.jpg",
        ] {
            assert!(!cameras.owns(&other.replace("RUN", run)), "{other}");
        }
        assert!(Layout::new("../", None, 0).is_err());
    }
}
