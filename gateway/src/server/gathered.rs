use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;

/// A writer whose task gets another turn before it writes, after those that are ready on its thread:
/// once for all that it writes until it flushes.
///
/// The answers of a batch become ready one after the other, and each wakes its connection. Written
/// at once, each would be a system call and a packet of its own, and wake the client; like this
/// those that are ready go together.
#[derive(Debug)]
pub(super) struct Gathered<W> {
    writer: W,
    /// The turn has been given, and what is written until the next flush goes with it.
    had_turn: bool,
}

impl<W> Gathered<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, had_turn: false }
    }

    fn give_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.had_turn, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Gathered<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.give_turn(cx));
        Pin::new(&mut self.writer).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.give_turn(cx));
        Pin::new(&mut self.writer).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.had_turn = false;
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[derive(Default)]
    struct Writes(Arc<AtomicUsize>);

    impl AsyncWrite for Writes {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn others_have_a_turn_before_each_burst_of_writes() {
        let writes = Arc::new(AtomicUsize::new(0));
        let mut writer = Gathered::new(Writes(writes.clone()));
        for burst in 0..3 {
            let seen = writes.clone();
            let other = tokio::spawn(async move { seen.load(Ordering::Relaxed) });
            writer.write_all(b"first").await.expect("it is written");
            assert_eq!(other.await.expect("it has run"), 2 * burst, "before the first write");
            writer.write_all(b"second").await.expect("it is written");
            writer.flush().await.expect("nothing is left");
        }
        assert_eq!(writes.load(Ordering::Relaxed), 6);
    }
}
