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
        // The timer is made within the runtime. Either end is as good: the caller looks again.
        let over = async { timeout(time, self.no_commits.cancelled()).await };
        let _ = self.runtime.block_on(over);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_thread_of_its_own_can_pause_and_the_end_ends_every_pause() {
        let no_commits = CancellationToken::new();
        let patience = Patience::until(no_commits.clone());
        let pausing = thread::spawn(move || {
            patience.pause(Duration::from_millis(1));
            no_commits.cancel();
            patience.pause(Duration::from_secs(3600));
            patience.is_over()
        });
        let joined = tokio::task::spawn_blocking(|| pausing.join()).await.expect("it runs");
        assert!(joined.expect("no panic"));
    }
}
