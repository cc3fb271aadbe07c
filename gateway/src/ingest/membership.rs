//! Whether a consumer still finds its way into its group and to its partitions. Pure.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Tells when a consumer has gone astray: it will not go on by itself, or not for long.
///
/// librdkafka waits for the answer to a request to join as long as a rebalance may take
/// (`max.poll.interval.ms`), even where a coordinator has dropped that request, because the session
/// had ended meanwhile. A rebalance that goes well waits for lost members, so for a session. And it
/// never asks again where to begin with its partitions, when a coordinator has refused to say
/// because the group was just moving.
///
/// Where the network is slow, each client needs its time: the next one gets twice as much, until
/// one is a member.
#[derive(Debug)]
pub struct Membership {
    session: Duration,
    /// How long a consumer without partitions may be joining.
    patience: Duration,
    joins_since: Option<Instant>,
    idles_since: Option<Instant>,
}

/// What is seen of a consumer at a look.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// It is a member, and no rebalance is under way.
    pub steady: bool,
    /// It has begun to join. It has not while no topic matches.
    pub under_way: bool,
    /// There is a broker that answers, or the client asks none.
    pub can_go_on: bool,
    /// Partitions that it owns. One that has some works on while it joins.
    pub partitions: usize,
    /// Those of them that it has not begun to read.
    pub unread: usize,
}

/// How a consumer has gone astray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Astray {
    /// It owns nothing, and has been joining for longer than a rebalance takes.
    Joining,
    /// It owns partitions that it does not begin to read.
    Idling,
}

/// What a rebalance may take beyond a session.
const ALLOWANCE: Duration = Duration::from_secs(15);
/// The same after others have not become members.
const MOST_ALLOWANCE: Duration = Duration::from_secs(120);
/// How long it may take until it is known where to begin with partitions: others may have to end
/// their transactions first, which takes 10 s at most if they are of this program.
const BEGINNING: Duration = Duration::from_secs(20);

impl Membership {
    /// Of a consumer whose session ends after `session` of silence.
    pub fn new(session: Duration) -> Self {
        Self { session, patience: session + ALLOWANCE, joins_since: None, idles_since: None }
    }

    /// Another client is to be watched from now on.
    pub fn begins_anew(&mut self) {
        self.patience = (self.patience * 2).min(self.session + MOST_ALLOWANCE);
        (self.joins_since, self.idles_since) = (None, None);
    }

    /// Whether it is astray, after this look: it has been in the same wait for too long, all the
    /// while a broker answered.
    pub fn look(&mut self, seen: Sight, now: Instant) -> Option<Astray> {
        if seen.steady {
            self.patience = self.session + ALLOWANCE;
        }
        let joins = !seen.steady && seen.under_way && seen.partitions == 0;
        let joins = lasts(&mut self.joins_since, joins && seen.can_go_on, now);
        let idles = lasts(&mut self.idles_since, seen.unread > 0 && seen.can_go_on, now);
        if joins > self.patience {
            Some(Astray::Joining)
        } else if idles > BEGINNING {
            Some(Astray::Idling)
        } else {
            None
        }
    }
}

impl fmt::Display for Astray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Joining => "no answer from the group for longer than a rebalance takes",
            Self::Idling => "partitions are assigned and not read",
        })
    }
}

/// How long it has been so.
fn lasts(since: &mut Option<Instant>, is_so: bool, now: Instant) -> Duration {
    *since = is_so.then(|| since.unwrap_or(now));
    since.map_or(Duration::ZERO, |since| now.duration_since(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: Sight =
        Sight { steady: true, under_way: true, can_go_on: true, partitions: 3, unread: 0 };
    const JOINS: Sight = Sight { steady: false, partitions: 0, ..MEMBER };
    const IDLES: Sight = Sight { unread: 1, ..MEMBER };
    const SESSION: Duration = Duration::from_secs(6);

    /// After which of the looks, one a second, it is astray first, and how.
    fn astray(look: impl Fn(u64) -> Sight) -> Option<(u64, Astray)> {
        let (mut membership, start) = (Membership::new(SESSION), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        (0..60).find_map(|second| Some((second, membership.look(look(second), at(second))?)))
    }

    #[test]
    fn one_that_joins_for_longer_than_a_rebalance_takes_is_astray() {
        assert_eq!(astray(|_| JOINS), Some((22, Astray::Joining)));
    }

    #[test]
    fn one_that_does_not_begin_to_read_is_astray() {
        assert_eq!(astray(|_| IDLES), Some((21, Astray::Idling)));
    }

    #[test]
    fn one_that_works_or_cannot_is_not() {
        for seen in [
            MEMBER,
            Sight { steady: false, ..MEMBER },
            Sight { under_way: false, ..JOINS },
            Sight { can_go_on: false, ..JOINS },
            Sight { can_go_on: false, ..IDLES },
        ] {
            assert_eq!(astray(|_| seen), None, "{seen:?}");
        }
    }

    #[test]
    fn a_wait_begins_anew_when_it_ended_or_no_broker_answered() {
        for between in [MEMBER, Sight { can_go_on: false, ..JOINS }] {
            let look = |second| if second == 10 { between } else { JOINS };
            assert_eq!(astray(look), Some((33, Astray::Joining)));
        }
        let look = |second| if second == 10 { MEMBER } else { IDLES };
        assert_eq!(astray(look), Some((32, Astray::Idling)));
    }

    #[test]
    fn each_client_has_twice_the_time_until_one_is_a_member() {
        let (mut membership, now) = (Membership::new(SESSION), Instant::now());
        let mut seconds = || {
            membership.begins_anew();
            membership.patience.as_secs()
        };
        assert_eq!([(); 5].map(|()| seconds()), [42, 84, 126, 126, 126]);
        membership.look(MEMBER, now);
        assert_eq!(membership.patience.as_secs(), 21);
    }
}
