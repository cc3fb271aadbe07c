use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rdkafka::error::{KafkaError, KafkaResult};

use super::Patience;

/// Calls of librdkafka that may not return, each on a thread of its own.
///
/// `rd_kafka_send_offsets_to_transaction` is given a time limit and can yet wait for ever: where a
/// broker stood still, its client may lose what the call waits for (seen with 2.12, in 2 of 15 tries
/// under load). Nothing ends such a call, so it is left behind with its client.
pub(super) struct Calls {
    patience: Patience,
    /// Each call that has not returned holds one.
    running: Arc<()>,
}

/// A call that has not returned by then, ten times its own limit, does not return.
const HANGS_AFTER: Duration = Duration::from_secs(10);
/// How often it is seen whether anybody still waits.
const LOOK: Duration = Duration::from_millis(100);
/// With so many calls left behind, nothing is called any more. Each holds a client with its threads.
const MOST_HUNG: usize = 8;

impl Calls {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, running: Arc::default() }
    }

    /// What the call answers. `Canceled` if it has not returned in time, or nobody waits any more:
    /// then its client is not to be used again.
    pub(super) fn call(
        &self,
        call: impl FnOnce() -> KafkaResult<()> + Send + 'static,
    ) -> KafkaResult<()> {
        let hung = Arc::strong_count(&self.running) - 1;
        if hung >= MOST_HUNG {
            tracing::error!(hung, "kafka does not return from calls; restart the gateway");
            return Err(KafkaError::Canceled);
        }
        let (answered, answer) = mpsc::sync_channel(1);
        let running = self.running.clone();
        let body = move || {
            let result = call();
            drop(running);
            let _ = answered.send(result);
        };
        let thread = thread::Builder::new().name("kafka-call".to_owned());
        thread.spawn(body).map_err(|_| KafkaError::Canceled)?;
        let until = Instant::now() + HANGS_AFTER;
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Timeout) if self.patience.is_over() => break,
                Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(_) => {
                    tracing::warn!(?HANGS_AFTER, "kafka has not returned from a call, left behind");
                    break;
                }
            }
        }
        Err(KafkaError::Canceled)
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_call_that_does_not_return_is_left_behind_and_they_are_bounded() {
        let no_commits = CancellationToken::new();
        let calls = Calls::new(Patience::until(no_commits.clone()));
        assert_eq!(
            calls.call(|| Err(KafkaError::NoMessageReceived)),
            Err(KafkaError::NoMessageReceived)
        );
        // Nobody waits any more, so each is left behind at once.
        no_commits.cancel();
        let (ends, end) = mpsc::channel::<()>();
        let end = Arc::new(std::sync::Mutex::new(end));
        for _ in 0..MOST_HUNG {
            let end = end.clone();
            let hangs = move || {
                let _ = end.lock().map(|end| end.recv());
                Ok(())
            };
            assert_eq!(calls.call(hangs), Err(KafkaError::Canceled));
        }
        assert_eq!(calls.call(|| Ok(())), Err(KafkaError::Canceled), "not even called");
        drop(ends);
        while Arc::strong_count(&calls.running) > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(calls.call(|| Ok(())), Ok(()));
    }
}
