use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Exit code after a second signal, as of a process killed by SIGINT.
const KILLED: i32 = 130;

/// SIGTERM and SIGINT: the first asks for a graceful stop, the second ends the process at once.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGHUP, which asks for the policy to be read again.
///
/// # Errors
/// When the system refuses to hand it over.
pub fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

impl Signals {
    /// Takes the signals over from now on.
    ///
    /// # Errors
    /// When the system refuses to.
    pub fn new() -> std::io::Result<Self> {
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the first signal; from then on a second one ends the process with 130.
    pub async fn first(mut self) {
        self.next().await;
        info!("signal received; stopping gracefully, a second one stops at once");
        tokio::spawn(async move {
            self.next().await;
            warn!("second signal received; stopping at once");
            std::process::exit(KILLED);
        });
    }

    /// Cancelled by the first signal; a second one ends the process with 130.
    pub fn stop(self) -> CancellationToken {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        tokio::spawn(async move {
            self.first().await;
            stopping.cancel();
        });
        stop
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
