//! Whether a consumer still finds its way into its group. Pure.

use std::time::{Duration, Instant};

/// Tells when a consumer has gone astray: it will not become a member by itself, or not for long.
///
/// librdkafka waits for the answer to a request to join as long as a rebalance may take
/// (`max.poll.interval.ms`), even where a coordinator has dropped that request, because the session
/// had ended meanwhile. A rebalance that goes well waits for lost members, so for a session. So one
/// that owns nothing and has waited for longer, all the while a broker answered, is astray.
#[derive(Debug)]
pub struct Membership {
    patience: Duration,
    waits_since: Option<Instant>,
}

/// What is seen of a consumer at a look.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// It is a member, and no rebalance is under way.
    pub steady: bool,
    /// It has begun to join. It has not while no topic matches.
    pub under_way: bool,
    /// There is a broker that answers, or the client asks none.
    pub can_join: bool,
    /// Partitions that it owns. One that has some works on, whatever it waits for.
    pub partitions: usize,
}

/// What a rebalance may take beyond a session.
const ALLOWANCE: Duration = Duration::from_secs(15);

impl Membership {
    /// Of a consumer whose session ends after `session` of silence.
    pub fn new(session: Duration) -> Self {
        Self { patience: session + session.min(ALLOWANCE), waits_since: None }
    }

    /// Another client is to be watched from now on.
    pub fn begins_anew(&mut self) {
        self.waits_since = None;
    }

    /// Whether it is astray, after this look.
    pub fn is_astray(&mut self, seen: Sight, now: Instant) -> bool {
        let waits = !seen.steady && seen.under_way && seen.can_join && seen.partitions == 0;
        let since = waits.then(|| self.waits_since.unwrap_or(now));
        self.waits_since = since;
        since.is_some_and(|since| now.duration_since(since) > self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Sight = Sight { steady: false, under_way: true, can_join: true, partitions: 0 };
    const SESSION: Duration = Duration::from_secs(6);

    /// After which of the looks, one a second, it is astray first.
    fn astray_after(seconds: u64, look: impl Fn(u64) -> Sight) -> Option<u64> {
        let (mut membership, start) = (Membership::new(SESSION), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        (0..seconds).find(|second| membership.is_astray(look(*second), at(*second)))
    }

    #[test]
    fn one_that_waits_for_longer_than_a_rebalance_takes_is_astray() {
        assert_eq!(astray_after(60, |_| WAITS), Some(13));
    }

    #[test]
    fn one_that_is_a_member_or_works_or_cannot_join_is_not() {
        for seen in [
            Sight { steady: true, ..WAITS },
            Sight { under_way: false, ..WAITS },
            Sight { can_join: false, ..WAITS },
            Sight { partitions: 1, ..WAITS },
        ] {
            assert_eq!(astray_after(60, |_| seen), None, "{seen:?}");
        }
    }

    #[test]
    fn the_wait_begins_anew_when_it_was_a_member_or_no_broker_answered() {
        for between in [Sight { steady: true, ..WAITS }, Sight { can_join: false, ..WAITS }] {
            let look = |second| if second == 10 { between } else { WAITS };
            assert_eq!(astray_after(60, look), Some(24));
        }
    }

    #[test]
    fn long_sessions_add_no_more_than_the_allowance() {
        assert_eq!(Membership::new(Duration::from_secs(45)).patience, Duration::from_secs(60));
    }
}
