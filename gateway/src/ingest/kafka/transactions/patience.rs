use std::time::Duration;

use tokio::{runtime::Handle, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long the committer's thread goes on trying: as long as somebody waits for a commit.
#[derive(Clone)]
pub(in crate::ingest::kafka) struct Patience {
    runtime: Handle,
    no_commits: CancellationToken,
}

impl Patience {
    /// It ends when `no_commits` is cancelled. To be called within the runtime.
    pub(in crate::ingest::kafka) fn until(no_commits: CancellationToken) -> Self {
        Self { runtime: Handle::current(), no_commits }
    }

    /// Whether nobody waits any more.
    pub(super) fn is_over(&self) -> bool {
        self.no_commits.is_cancelled()
    }

    /// Lets some time pass, unless nobody waits any more. For threads outside of the runtime.
    pub(super) fn pause(&self, time: Duration) {
        // Either end is as good: the caller looks again.
        let _ = self.runtime.block_on(timeout(time, self.no_commits.cancelled()));
    }
}
