use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Gateway;

/// How long the consumers may take to commit and to leave their group.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

impl Gateway {
    /// Stops in the one order in which nothing is lost. What a later step needs, an earlier one
    /// leaves running:
    ///
    /// 1. readiness and health off, and no more changes of the policy; calls are still taken for `drain_delay`, until who routes them has seen it;
    /// 2. consumers take no more records; ingest entries that no replica has started are discarded,
    ///    uncommitted, so that another gateway gets them;
    /// 3. no new calls: the listener closes and connections are told to go away; watches end;
    /// 4. calls end, within `graceful_shutdown_timeout`; what is left then gets UNAVAILABLE;
    /// 5. replicas finish their batches and stop;
    /// 6. results are delivered and the sinks flushed;
    /// 7. offsets are committed and the consumer group is left;
    /// 8. the HTTP listener closes last, so that all of this can be watched.
    pub async fn stop(mut self) {
        info!(step = 1, "stopping: readiness off");
        self.not_ready.cancel();
        let server = self.live.close().await;
        sleep(server.drain_delay).await;

        info!(step = 2, "stopping: no more records");
        let ingests = self.ingests();
        join_all(ingests.iter().map(|ingest| ingest.stop_taking())).await;
        let discarded: usize = self.pools().iter().map(|pool| pool.discard_ingest()).sum();

        info!(step = 3, discarded, "stopping: no new calls");
        self.no_calls.cancel();
        self.finish_calls(server.graceful_shutdown_timeout).await;

        info!(step = 5, "stopping: replicas");
        self.live.left().await;
        join_all(self.pools().iter().map(|pool| pool.stop_replicas())).await;
        let left: usize = self.pools().iter().map(|pool| pool.queue().close()).sum();

        info!(step = 6, left, "stopping: sinks");
        join_all(ingests.iter().map(|ingest| ingest.delivered(LEAVE_LIMIT))).await;
        self.live.sinks().flush().await;

        info!(step = 7, "stopping: offsets");
        join_all(ingests.iter().map(|ingest| ingest.finish(LEAVE_LIMIT))).await;

        info!(step = 8, "stopping: HTTP");
        self.no_probes.cancel();
        self.live.ended().await;
        self.tasks.close();
        self.tasks.wait().await;
        // A client that keeps its request open shall not hold the process.
        let _ = timeout(ANSWER_LIMIT, self.http_server).await;
        info!("stopped");
    }

    /// Step 4: waits for the calls, and cuts off those that take too long.
    async fn finish_calls(&mut self, grace: Duration) {
        info!(step = 4, "stopping: finishing calls");
        if timeout(grace, &mut self.grpc_server).await.is_err() {
            warn!("calls cut off after graceful_shutdown_timeout");
            self.live.end_pools();
            self.pools().iter().for_each(|pool| {
                pool.queue().close();
            });
            // Their answers leave before the connections close.
            let _ = timeout(ANSWER_LIMIT, &mut self.grpc_server).await;
        }
        self.live.end_pools();
    }
}

/// How long the last answers may take to leave.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
