use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Turns that a future may take one after another before others have theirs.
const MOST_TURNS: usize = 8;

/// A future that takes another turn at once when it was woken in its own.
///
/// Parts of one future wake one another all the time. A runtime that hears of it puts the task at the
/// end of its queue, and wakes a thread that may take it: system calls, for what can go on here and now.
pub(super) struct InTurns<F> {
    future: F,
    turn: Arc<Turn>,
    waker: Waker,
}

struct Turn {
    task: AtomicWaker,
    state: AtomicU8,
}

/// It waits to be woken.
const ASLEEP: u8 = 0;
/// It has its turn, and nobody has woken it since that began.
const AWAKE: u8 = 1;
/// It is to have another turn.
const WOKEN: u8 = 2;

impl<F> InTurns<F> {
    pub(super) fn new(future: F) -> Self {
        let turn = Arc::new(Turn { task: AtomicWaker::new(), state: AtomicU8::new(WOKEN) });
        let waker = Waker::from(turn.clone());
        Self { future, turn, waker }
    }
}

impl<F: Future + Unpin> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, turn, waker } = self.get_mut();
        turn.task.register(cx.waker());
        for _ in 0..MOST_TURNS {
            turn.state.store(AWAKE, Ordering::SeqCst);
            if let Poll::Ready(output) =
                Pin::new(&mut *future).poll(&mut Context::from_waker(waker))
            {
                return Poll::Ready(output);
            }
            if turn.sleeps() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Turn {
    /// It sleeps from now on, unless it was woken in its turn.
    fn sleeps(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::SeqCst) == ASLEEP {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, thread};

    use tokio::sync::oneshot;

    use super::*;

    /// A future that wakes itself so many times, and counts its turns.
    fn wakes_itself(times: usize) -> InTurns<impl Future<Output = usize> + Unpin> {
        let mut turns = 0;
        InTurns::new(poll_fn(move |cx| {
            turns += 1;
            if turns > times {
                return Poll::Ready(turns);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn it_goes_on_at_once_but_not_for_ever() {
        assert_eq!(poll_once(&mut wakes_itself(MOST_TURNS - 1)), Poll::Ready(MOST_TURNS));
        let mut longer = wakes_itself(MOST_TURNS);
        assert_eq!(poll_once(&mut longer), Poll::Pending);
        assert_eq!(poll_once(&mut longer), Poll::Ready(MOST_TURNS + 1));
    }

    #[tokio::test]
    async fn who_gives_way_is_woken_again() {
        assert_eq!(wakes_itself(100 * MOST_TURNS).await, 100 * MOST_TURNS + 1);
    }

    #[tokio::test]
    async fn no_wake_from_elsewhere_is_lost() {
        for _ in 0..1000 {
            let (sender, mut receiver) = oneshot::channel();
            let sending = thread::spawn(move || sender.send(7));
            let received = InTurns::new(poll_fn(|cx| Pin::new(&mut receiver).poll(cx))).await;
            assert_eq!(received, Ok(7));
            assert_eq!(sending.join().expect("no panic"), Ok(()));
        }
    }
}
