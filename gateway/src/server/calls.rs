use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};

use super::turn::InTurns;

/// The calls of one connection, which run on the connection's own task: hyper's executor for it.
///
/// On tasks of their own, each answer would wake its call's task and that the connection's, on whatever
/// threads are free: so the end of an answer often misses the write that its beginning goes with. Here
/// all that is ready is written at once.
#[derive(Clone, Default)]
pub(super) struct Calls {
    begun: Arc<Mutex<Vec<Call>>>,
}

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Calls {
    fn execute(&self, call: F) {
        // A panic ends its own call.
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(call));
    }
}

impl Calls {
    /// Runs the connection that was given this executor, and its calls; those that run when it ends
    /// end with it.
    pub(super) async fn run_with<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let mut running = FuturesUnordered::new();
        let both = poll_fn(|cx| {
            loop {
                while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {}
                if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                    return Poll::Ready(end);
                }
                let begun = self.take();
                if begun.is_empty() {
                    return Poll::Pending;
                }
                running.extend(begun);
            }
        });
        InTurns::new(both).await
    }

    fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use hyper::rt::Executor;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn calls_run_beside_their_connection() {
        let calls = Calls::default();
        let executor = calls.clone();
        let connection = async move {
            let (answer, answered) = oneshot::channel();
            executor.execute(async { panic!("in a call") });
            executor.execute(async move { answer.send(7).expect("it is waited for") });
            answered.await
        };
        assert_eq!(calls.run_with(connection).await, Ok(7));
    }

    #[tokio::test]
    async fn what_runs_when_it_ends_ends_with_it() {
        let calls = Calls::default();
        let (held, ended) = oneshot::channel::<()>();
        calls.execute(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        calls.clone().run_with(tokio::task::yield_now()).await;
        assert!(ended.await.is_err());
    }
}
