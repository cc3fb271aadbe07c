//! The files that a rotation has put aside: `PATH.20261122T190000.123Z`, so that their names sort
//! by time.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use tokio::fs;

/// When a file was put aside, in milliseconds since 1970.
type Time = i64;

const FORM: &str = "%Y%m%dT%H%M%S.%3fZ";

/// A name for the file at `path` to be put aside now, which sorts behind those of all that were.
pub(super) async fn next(path: &Path) -> io::Result<PathBuf> {
    let newest = times(path).await?.last().copied();
    let time = after(newest, Timestamp::now().as_millisecond());
    name(path, time).ok_or_else(|| io::Error::other("the clock is out of range"))
}

/// Removes the oldest files but for `keep`.
pub(super) async fn remove_surplus(path: &Path, keep: usize) -> io::Result<()> {
    let times = times(path).await?;
    for time in surplus(&times, keep) {
        if let Some(old) = name(path, *time) {
            fs::remove_file(old).await?;
        }
    }
    Ok(())
}

/// Now, but behind the newest even if the clock was set back or stands still.
fn after(newest: Option<Time>, now: Time) -> Time {
    newest.map_or(now, |newest| now.max(newest + 1))
}

/// Those of `times`, which are sorted, that are too many.
fn surplus(times: &[Time], keep: usize) -> &[Time] {
    &times[..times.len().saturating_sub(keep)]
}

/// The times of all files that were put aside, sorted.
async fn times(path: &Path) -> io::Result<Vec<Time>> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut found = fs::read_dir(folder.unwrap_or(Path::new("."))).await?;
    let mut times = Vec::new();
    while let Some(file) = found.next_entry().await? {
        times.extend(time(path, &file.file_name()));
    }
    times.sort_unstable();
    Ok(times)
}

fn name(path: &Path, time: Time) -> Option<PathBuf> {
    let time = Timestamp::from_millisecond(time).ok()?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", time.strftime(FORM)));
    Some(PathBuf::from(name))
}

/// When the file `found` beside `path` was put aside; none if it is another kind of file.
fn time(path: &Path, found: &OsString) -> Option<Time> {
    let suffix = found.to_str()?.strip_prefix(path.file_name()?.to_str()?)?.strip_prefix('.')?;
    let time = DateTime::strptime("%Y%m%dT%H%M%S.%fZ", suffix).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    // What is written otherwise was not written by us.
    (name(path, time)?.file_name()? == found).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_time_and_sort_by_it() {
        let path = Path::new("/a/r.jsonl");
        let names: Vec<PathBuf> =
            [0, 999, 1_795_341_600_500].map(|t| name(path, t).unwrap()).into();
        assert_eq!(names[0], Path::new("/a/r.jsonl.19700101T000000.000Z"));
        assert_eq!(names[2], Path::new("/a/r.jsonl.20261122T100000.500Z"));
        assert!(names.is_sorted());
        let told = names.iter().map(|name| time(path, &name.file_name().unwrap().into()));
        assert_eq!(told.collect::<Vec<_>>(), [Some(0), Some(999), Some(1_795_341_600_500)]);
    }

    #[test]
    fn other_files_are_none_of_them() {
        for other in [
            "r.jsonl",
            "r.jsonl.1",
            "r.jsonl.20261122T100000Z",
            "r.jsonl.20261122T100000.5Z",
            "r.jsonl.20261122T100000.500Z.gz",
            "r.jsonl.20269999T100000.500Z",
            "s.jsonl.20261122T100000.500Z",
        ] {
            assert_eq!(time(Path::new("/a/r.jsonl"), &other.into()), None, "{other}");
        }
    }

    #[test]
    fn a_name_is_always_behind_the_newest() {
        for (newest, now, want) in
            [(None, 5, 5), (Some(4), 5, 5), (Some(5), 5, 6), (Some(9), 5, 10)]
        {
            assert_eq!(after(newest, now), want);
        }
    }

    #[test]
    fn the_oldest_are_too_many() {
        assert_eq!(surplus(&[1, 2, 3], 2), [1]);
        assert_eq!(surplus(&[1, 2, 3], 0), [1, 2, 3]);
        assert_eq!(surplus(&[1, 2, 3], 3), [0; 0]);
    }
}
