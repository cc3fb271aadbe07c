//! When a partition is so far behind that its old records are passed over unread. Pure.

use std::time::{Duration, SystemTime};

/// Fewer records than these are read and dropped one by one: that is cheaper than to seek.
const MIN_SKIPPED: i64 = 64;

/// Judges a record, captured then and stamped so by Kafka (milliseconds since 1970). `None`: the
/// record is not older than `max_frame_age`, or nobody can tell from the stamps which ones are.
/// Otherwise all records stamped earlier than the answer, in milliseconds since 1970, are too old.
///
/// Frames are dropped by their capture, which usually lies before the stamp. Where it lies behind
/// it, the clocks differ: the stamps are then trusted less by that much, and not at all if that is
/// more than `max_frame_age`.
pub fn fresh_since(
    captured_at: Option<SystemTime>,
    stamp_ms: Option<i64>,
    max_frame_age: Option<Duration>,
    now: SystemTime,
) -> Option<i64> {
    let max_frame_age = max_frame_age?;
    // Zero and less are the stamps of those who have none.
    let stamp = u64::try_from(stamp_ms?).ok().filter(|ms| *ms > 0).map(Duration::from_millis)?;
    let stamped_at = SystemTime::UNIX_EPOCH.checked_add(stamp)?;
    let behind = captured_at.and_then(|at| at.duration_since(stamped_at).ok()).unwrap_or_default();
    if behind > max_frame_age {
        return None;
    }
    let since = now.checked_sub(max_frame_age)?.checked_sub(behind)?;
    if stamped_at >= since {
        return None;
    }
    i64::try_from(since.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Whether to seek from `position` to `next`.
pub fn is_worth(position: i64, next: i64) -> bool {
    next.saturating_sub(position) >= MIN_SKIPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn since(captured_ms: Option<u64>, stamp_ms: Option<i64>) -> Option<i64> {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let age = Some(Duration::from_secs(2));
        fresh_since(captured_ms.map(at), stamp_ms, age, at(NOW_MS))
    }

    #[test]
    fn the_age_counts_from_the_stamp_and_where_the_capture_is_later_from_there() {
        let now = NOW_MS as i64;
        assert_eq!(since(None, Some(now - 2001)), Some(now - 2000));
        assert_eq!(since(Some(NOW_MS - 9000), Some(now - 2001)), Some(now - 2000));
        assert_eq!(since(None, Some(now - 2000)), None, "still fresh");
        assert_eq!(since(Some(NOW_MS - 9000), Some(now)), None, "filtered by its capture");
        assert_eq!(since(Some(NOW_MS - 4000), Some(now - 5500)), Some(now - 3500));
        assert_eq!(since(Some(NOW_MS - 2500), Some(now - 4501)), None, "clocks too far apart");
    }

    #[test]
    fn without_a_stamp_or_an_age_nobody_can_tell() {
        for stamp in [None, Some(0), Some(-1), Some(i64::MIN)] {
            assert_eq!(since(Some(0), stamp), None, "{stamp:?}");
        }
        assert_eq!(fresh_since(None, Some(1), None, SystemTime::now()), None);
        assert_eq!(fresh_since(None, Some(i64::MAX), Some(Duration::MAX), SystemTime::now()), None);
    }

    #[test]
    fn a_few_records_are_not_worth_a_seek() {
        assert_eq!([is_worth(0, 63), is_worth(0, 64), is_worth(9, 0)], [false, true, false]);
    }
}
