//! How much of the work a replica may claim, and how much an idle one may recall from another.
//!
//! Claims stay balanced, so that a batch never gathers on one replica while another idles, and yet
//! a replica whose peers are full gets the rest.

/// What the replicas of a pool share at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Entries that wait in the queue.
    pub queued: usize,
    /// Entries that all replicas together have claimed and not started.
    pub unstarted: usize,
    /// Replicas that are not stopping.
    pub replicas: usize,
    /// What a replica may hold unstarted.
    pub max_batch_size: usize,
}

impl Shares {
    /// What a replica that holds `own` unstarted entries may claim from the queue at once.
    ///
    /// At most its part of the queue, and at most what brings it level with its peers. Both are at
    /// least 1 for a replica that holds nothing, so an idle one always gets something.
    pub(crate) fn claimable(&self, own: usize) -> usize {
        if self.queued == 0 || self.replicas == 0 {
            return 0;
        }
        let part = self.queued.div_ceil(self.replicas);
        let level = (self.queued + self.unstarted).div_ceil(self.replicas);
        part.min(level.saturating_sub(own)).min(self.max_batch_size.saturating_sub(own))
    }
}

/// What an idle replica may recall from one that holds `unstarted` entries: half.
///
/// Of an odd number the holder keeps the larger half, unless it is executing: what it holds waits
/// then anyway, so that even a single entry moves.
pub(crate) fn recallable(unstarted: usize, is_executing: bool) -> usize {
    if is_executing { unstarted.div_ceil(2) } else { unstarted / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_balanced_and_bounded() {
        // queued, unstarted of all, replicas, max batch, own => claimable
        let table = [
            (0, 0, 2, 8, 0, 0),   // nothing waits
            (5, 0, 0, 8, 0, 0),   // all replicas are stopping
            (1, 0, 4, 8, 0, 1),   // at least one
            (8, 0, 2, 8, 0, 4),   // half each
            (9, 0, 2, 8, 0, 5),   // rounded up
            (100, 0, 2, 8, 0, 8), // never above a batch
            (100, 6, 2, 8, 6, 2), // nor together with what it holds
            (100, 8, 2, 8, 8, 0), // full
            (1, 1, 2, 8, 1, 0),   // the idle peer gets it
            (1, 2, 2, 8, 1, 1),   // level with the peer afterwards
            (4, 8, 2, 8, 0, 2),   // the peer is full: its part of the queue first,
            (2, 10, 2, 8, 2, 1),  // then, claim by claim,
            (1, 11, 2, 8, 3, 1),  // the rest
            (1, 30, 2, 8, 0, 1),  // idle while returns put the peer far ahead
        ];
        for (queued, unstarted, replicas, max_batch_size, own, expected) in table {
            let shares = Shares { queued, unstarted, replicas, max_batch_size };
            assert_eq!(shares.claimable(own), expected, "{shares:?}, own {own}");
        }
    }

    #[test]
    fn half_is_recalled() {
        let table = [(0, 0, 0), (1, 0, 1), (2, 1, 1), (3, 1, 2), (8, 4, 4), (9, 4, 5)];
        for (unstarted, from_loading, from_executing) in table {
            assert_eq!(recallable(unstarted, false), from_loading, "{unstarted}");
            assert_eq!(recallable(unstarted, true), from_executing, "{unstarted}");
        }
    }
}
