//! What a change of the policy leaves behind finishes what it has, and goes.

use std::{sync::Arc, time::Duration};

use framegate_batcher::PoolSnapshot;
use futures_util::future::join_all;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    admission::Admission,
    pool::Pool,
    routes::Routes,
    sink::{SinkSet, Sinks},
};

/// A pause between two looks at who holds something: an Arc tells nobody when it is let go.
const LOOK: Duration = Duration::from_millis(2);
/// Whoever holds routes holds them for moments. Beyond this they are not waited for.
const ROUTES_LIMIT: Duration = Duration::from_secs(10);

/// Pools that are not served any more end once their queues are empty, after their
/// `graceful_shutdown_timeout`, or as soon as it is `ending`.
///
/// No request is lost: a request that has read the old routes may still come, so the queues accept until
/// nobody holds these; and what is queued is served by the replicas of before.
pub(super) async fn pools(
    old: Arc<Routes>,
    gone: Vec<Arc<Pool>>,
    admission: Arc<Admission>,
    ending: CancellationToken,
) {
    tokio::select! {
        () = ending.cancelled() => {}
        free = timeout(ROUTES_LIMIT, alone(&old)) => if free.is_err() {
            warn!("old routes are still held; their pools end nevertheless");
        }
    }
    drop(old);
    join_all(gone.iter().map(|pool| leave(pool, &admission, &ending))).await;
}

async fn leave(pool: &Pool, admission: &Admission, ending: &CancellationToken) {
    let (model, queue) = (pool.name(), pool.queue());
    queue.stop_accepting();
    tokio::select! {
        () = ending.cancelled() => {}
        drained = timeout(pool.model().graceful_shutdown_timeout, queue.drained(None)) => {
            if drained.is_err() {
                let ongoing = queue.ongoing();
                warn!(%model, ongoing, "not finished within graceful_shutdown_timeout");
            }
        }
    }
    end(pool).await;
    if admission.routes().pool(model).is_none() {
        pool.metrics().gauge(&PoolSnapshot::default(), &[], 0);
    }
    info!(%model, "pool has ended");
}

/// Ends a pool with all that it has.
pub(super) async fn end(pool: &Pool) {
    pool.end();
    pool.stop_replicas().await;
    pool.queue().close();
}

/// Sinks that are none any more are flushed and closed once nothing is on its way to them.
pub(super) async fn sinks(old: Arc<SinkSet>, sinks: Arc<Sinks>, ending: CancellationToken) {
    tokio::select! {
        () = ending.cancelled() => {}
        () = alone(&old) => {}
    }
    let current = sinks.current();
    old.flush(|sink| !current.has(sink)).await;
    // The end of a client of Kafka blocks until its threads have ended.
    let _ = spawn_blocking(move || drop(old)).await;
}

/// Waits until nobody else holds it.
async fn alone<T>(held: &Arc<T>) {
    while Arc::strong_count(held) > 1 {
        sleep(LOOK).await;
    }
}
