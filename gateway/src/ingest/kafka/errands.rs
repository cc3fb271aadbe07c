use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Has errands run on a thread of their own, one after the other: they take as long as the network,
/// and the consumer's thread must not.
pub(super) struct Errands<Q, A> {
    orders: Option<SyncSender<Q>>,
    answers: Receiver<A>,
    under_way: bool,
}

/// The part that runs them, to be started once there is what they need.
pub(super) struct Runner<Q, A> {
    orders: Receiver<Q>,
    answers: SyncSender<A>,
}

impl<Q, A> Errands<Q, A> {
    /// Nothing under way, and the runner.
    pub(super) fn new() -> (Self, Runner<Q, A>) {
        // One order and one answer at most, since there is one errand at a time.
        let (orders, received) = sync_channel(1);
        let (answers, answered) = sync_channel(1);
        let errands = Self { orders: Some(orders), answers: answered, under_way: false };
        (errands, Runner { orders: received, answers })
    }

    /// Nothing can begin.
    pub(super) fn closed() -> Self {
        let (_, answers) = sync_channel(0);
        Self { orders: None, answers, under_way: false }
    }

    /// Whether an errand can begin.
    pub(super) fn is_idle(&self) -> bool {
        !self.under_way && self.orders.is_some()
    }

    /// Begins an errand; to be called when idle.
    pub(super) fn begin(&mut self, order: Q) {
        if let Some(orders) = &self.orders {
            self.under_way = orders.try_send(order).is_ok();
        }
    }

    /// The answer, if it has come.
    pub(super) fn answer(&mut self) -> Option<A> {
        let answer = self.answers.try_recv().ok()?;
        self.under_way = false;
        Some(answer)
    }

    /// The answer, if it comes until then and an errand is under way.
    pub(super) fn wait(&mut self, until: Instant) -> Option<A> {
        if !self.under_way {
            return None;
        }
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let answer = self.answers.recv_timeout(left).ok()?;
        self.under_way = false;
        Some(answer)
    }

    /// Takes no more orders, so that the runner ends after the one under way. True if none is.
    pub(super) fn close(&mut self) -> bool {
        self.orders = None;
        !self.under_way
    }
}

impl<Q: Send + 'static, A: Send + 'static> Runner<Q, A> {
    /// Starts the thread `name`, on which `prepare` makes what runs each errand. It ends after
    /// [`Errands::close`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start<R: FnMut(Q) -> A>(
        self,
        name: &str,
        prepare: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let run = move || {
            let mut run = prepare();
            while let Ok(order) = self.orders.recv() {
                // Nobody listens any more once the consumer has given up waiting.
                let _ = self.answers.send(run(order));
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_errand_at_a_time_and_each_is_answered() {
        let (mut errands, runner) = Errands::<u32, u32>::new();
        let (allow, allowed) = sync_channel::<()>(1);
        let double = move || {
            move |order| {
                allowed.recv().unwrap();
                order * 2
            }
        };
        let thread = runner.start("errands", double).unwrap();
        assert!(errands.is_idle());
        errands.begin(5);
        assert!(!errands.is_idle());
        assert!(errands.answer().is_none());
        assert!(errands.wait(Instant::now()).is_none());
        assert!(!errands.is_idle(), "still under way");
        allow.send(()).unwrap();
        assert_eq!(errands.wait(Instant::now() + Duration::from_secs(60)), Some(10));
        assert!(errands.is_idle() && errands.close() && !errands.is_idle());
        thread.join().unwrap();
    }

    #[test]
    fn one_that_is_under_way_at_the_end_is_told() {
        let (mut errands, runner) = Errands::<u32, u32>::new();
        errands.begin(5);
        assert!(!errands.close());
        runner.start("errands", || |order| order).unwrap().join().unwrap();
        assert_eq!(errands.answer(), Some(5));
    }
}
