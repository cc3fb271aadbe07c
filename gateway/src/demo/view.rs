use std::{fs::File, path::Path, time::Duration};

use anyhow::Context;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    gateway::Gateway,
    top::{self, Console},
};

/// The view of `framegate top` on the demo's own gateway, while the cameras play.
pub struct View {
    notes: watch::Sender<String>,
    closing: CancellationToken,
    showing: JoinHandle<anyhow::Result<()>>,
}

/// How often the view is brought up to date.
const INTERVAL: Duration = Duration::from_secs(1);

impl View {
    /// Puts the view up. What is logged meanwhile goes into `log`, and its end is shown afterwards.
    /// When the view ends, `stop` is cancelled: its reader has left, or it went wrong.
    ///
    /// # Errors
    /// When the terminal cannot be taken over, or the log cannot be written.
    pub fn open(gateway: &Gateway, log: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        let log_file = File::options().create(true).truncate(true).read(true).write(true).open(log);
        let mut console = Console::enter(log_file.with_context(|| log.display().to_string())?)?;
        let (notes, noted) = watch::channel(String::new());
        let closing = stop.child_token();
        let options = top::Options::new(gateway.grpc_address().to_string(), INTERVAL);
        let closed = closing.clone();
        let showing = tokio::spawn(async move {
            let _stop = stop.drop_guard();
            top::show(&options, &mut console, noted, &closed).await
        });
        Ok(Self { notes, closing, showing })
    }

    /// Shows a note below the view.
    pub fn note(&self, text: &str) {
        self.notes.send_replace(text.trim().to_owned());
    }

    /// Takes the view down, if it is up still, and gives the terminal back.
    pub async fn close(self) {
        self.closing.cancel();
        let failure = match self.showing.await {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(panic) => panic.into(),
        };
        warn!(error = format!("{failure:#}"), "the view ended early");
    }
}
