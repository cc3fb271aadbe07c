use std::time::Duration;

use super::*;
use crate::entry::EntryId;

const WAIT: Duration = Duration::from_millis(10);

/// A loaded entry by how many milliseconds ago it was submitted and claimed.
#[derive(Clone, Copy)]
struct Loaded {
    enqueued: u64,
    claimed: u64,
    suspect: bool,
}

/// What is loaded, how many are loading, and the verdict (see `judge`).
type Case = (&'static str, &'static [Loaded], usize, Result<usize, Option<u64>>);

const fn loaded(enqueued: u64, claimed: u64) -> Loaded {
    Loaded { enqueued, claimed, suspect: false }
}

const fn suspect(enqueued: u64, claimed: u64) -> Loaded {
    Loaded { enqueued, claimed, suspect: true }
}

/// The verdict with `max_batch_size` 4; an instant to wait for is given in milliseconds from now.
fn judge(entries: &[Loaded], loading: usize) -> Result<usize, Option<u64>> {
    let now = Instant::now() + Duration::from_secs(60);
    let ago = |millis| now - Duration::from_millis(millis);
    let claimed: Vec<Claimed<()>> = entries
        .iter()
        .zip(0..)
        .map(|(entry, n)| Claimed {
            id: EntryId(n),
            job: (),
            suspect: entry.suspect,
            tries: u32::from(entry.suspect),
            enqueued_at: ago(entry.enqueued),
            claimed_at: ago(entry.claimed),
        })
        .collect();
    let limits = BatchLimits { max_batch_size: 4, batch_wait_timeout: WAIT };
    match verdict(&Forming::of(&claimed, loading), &limits, now) {
        Verdict::Execute { take } => Ok(take),
        Verdict::WaitUntil(due) => Err(u64::try_from((due - now).as_millis()).ok()),
        Verdict::Wait => Err(None),
    }
}

#[test]
fn a_batch_is_formed_by_size_and_time() {
    const CASES: &[Case] = &[
        ("nothing", &[], 0, Err(None)),
        ("nothing but loading", &[], 3, Err(None)),
        ("one that just came", &[loaded(0, 0)], 0, Err(Some(10))),
        ("one that waited a while", &[loaded(3, 2)], 0, Err(Some(7))),
        ("the queue's wait counts", &[loaded(10, 1)], 0, Ok(1)),
        ("but not while more is loading", &[loaded(10, 1)], 1, Err(Some(9))),
        ("loading is waited for once", &[loaded(30, 10)], 1, Ok(1)),
        ("the oldest decides", &[loaded(2, 1), loaded(6, 1)], 0, Err(Some(4))),
        ("a full batch", &[loaded(0, 0), loaded(0, 0), loaded(0, 0), loaded(0, 0)], 2, Ok(4)),
        ("never more than a batch", &[loaded(20, 20); 6], 0, Ok(4)),
    ];
    for (name, entries, loading, expected) in CASES {
        assert_eq!(judge(entries, *loading), *expected, "{name}");
    }
}

#[test]
fn a_suspect_runs_alone() {
    const CASES: &[Case] = &[
        ("alone", &[suspect(0, 0)], 0, Ok(1)),
        ("whatever is loading", &[suspect(0, 0)], 3, Ok(1)),
        ("before others", &[suspect(0, 0), loaded(0, 0), loaded(0, 0)], 0, Ok(1)),
        ("before another", &[suspect(0, 0), suspect(0, 0)], 0, Ok(1)),
        ("it closes the batch before it", &[loaded(0, 0), loaded(0, 0), suspect(0, 0)], 0, Ok(2)),
        ("even while more is loading", &[loaded(0, 0), suspect(0, 0)], 2, Ok(1)),
    ];
    for (name, entries, loading, expected) in CASES {
        assert_eq!(judge(entries, *loading), *expected, "{name}");
    }
}

#[test]
fn an_endless_wait_ends_with_a_full_batch_only() {
    let now = Instant::now();
    let limits = BatchLimits { max_batch_size: 2, batch_wait_timeout: Duration::MAX };
    let one = Forming {
        loaded: 1,
        before_suspect: 1,
        loading: 0,
        oldest_enqueued_at: Some(now),
        oldest_claimed_at: Some(now),
    };
    assert_eq!(verdict(&one, &limits, now), Verdict::Wait);
    let two = Forming { loaded: 2, before_suspect: 2, ..one };
    assert_eq!(verdict(&two, &limits, now), Verdict::Execute { take: 2 });
}
