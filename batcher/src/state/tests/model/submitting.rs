//! What comes in: into a place of its own, into that of an older one, or not at all.

use super::*;
use crate::entry::Latest;

impl Model {
    /// Submits an entry that lives so many milliseconds; `latest` is its stream and how many entries
    /// it lags behind.
    pub(in super::super) fn submit(
        &mut self,
        key: &str,
        priority: u32,
        origin: Origin,
        ttl: Option<u64>,
        latest: Option<(u32, u64)>,
    ) {
        let number = self.known();
        let order = |lag| (number + 10 - lag) * 2 + u64::from(lag == 0);
        let submitted = NewEntry {
            job: Tag(number),
            fairness_key: key.into(),
            priority: Priority::try_from(priority).unwrap(),
            origin,
            deadline: ttl.map(|millis| self.now + Duration::from_millis(millis)),
            latest: latest.map(|(stream, lag)| Latest { stream, order: order(lag) }),
        };
        match self.waiting_in_stead_of(&submitted) {
            Some((_, true)) => {
                let refused = self.step(|state| state.submit(&submitted));
                assert_eq!(refused, Err(SubmitError::Superseded));
                self.turnover.shed += 1;
            }
            Some((old, false)) => {
                let Known { rank, overtaken_by, .. } = &self.live[&old];
                let (rank, overtaken_by) = (*rank, overtaken_by.clone());
                let id = self.step(|state| state.submit(&submitted)).expect("it has a place");
                assert_eq!(self.gone[&old], Fate::Removed(Removal::Superseded));
                self.live
                    .insert(id, Known { submitted, rank, at: At::Queue, tries: 0, overtaken_by });
            }
            None => self.submit_into_free_place(submitted),
        }
    }

    fn submit_into_free_place(&mut self, submitted: NewEntry<Tag>) {
        let before = self.state.snapshot();
        let has_place = before.queued < self.limits.max_queued
            && (submitted.origin == Origin::Interactive
                || before.queued_ingest < self.limits.max_queued_ingest);
        let answer = self.step(|state| state.submit(&submitted));
        assert_eq!(answer.is_ok(), has_place, "{answer:?} with {before:?}");
        if let Ok(id) = answer {
            assert_eq!(id, EntryId(submitted.job.0));
            let (at, overtaken_by) = (At::Queue, BTreeMap::new());
            self.live.insert(id, Known { submitted, rank: id, at, tries: 0, overtaken_by });
        }
    }

    /// What waits of the entry's stream, and whether it is newer.
    pub(super) fn waiting_in_stead_of(&self, entry: &NewEntry<Tag>) -> Option<(EntryId, bool)> {
        let latest = entry.latest?;
        let mut waiting = self.live.iter().filter_map(|(&id, known)| {
            let other = known.submitted.latest?;
            let is_rival = known.at == At::Queue
                && known.submitted.is_in(entry.priority, &entry.fairness_key)
                && known.submitted.origin == entry.origin
                && other.stream == latest.stream;
            is_rival.then_some((id, other.order > latest.order))
        });
        let first = waiting.next();
        assert_eq!(waiting.next(), None, "two wait where only the newest is to");
        first
    }
}
