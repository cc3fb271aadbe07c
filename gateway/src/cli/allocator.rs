//! What the global allocator must be told from time to time.

use std::time::Duration;

// SAFETY: the signature is that of mimalloc.h, and the allocator of `main.rs` links it. It may be
// called at any time from any thread.
unsafe extern "C" {
    safe fn mi_collect(force: bool);
}

const INTERVAL: Duration = Duration::from_secs(1);

/// Gives memory that has been free for some time back to the system, forever.
///
/// Mimalloc does so only beside further allocations. A gateway that falls idle after a burst makes
/// hardly any, and would keep what the burst took.
pub(super) async fn give_back() {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        mi_collect(false);
    }
}
