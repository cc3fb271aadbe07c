use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use framegate_batcher::Sizing;
use futures_util::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::{
    codec::{FramedRead, LengthDelimitedCodec},
    sync::CancellationToken,
};

use super::{
    ExecuteError, Executed, Opened,
    wire::{HEARTBEAT, MOST_BYTES, Order, Report, decode, encode},
};
use crate::{
    backend::{BackendError, BackendSource},
    frame::Input,
};

/// A command that serves orders ([`serve`](super::child::serve)) on its standard input.
#[derive(Debug, Clone)]
pub struct Program {
    /// What is started.
    pub path: PathBuf,
    /// With these arguments.
    pub arguments: Vec<OsString>,
}

/// A process that says nothing for so long is taken to stand still, and killed.
const SILENCE: Duration = HEARTBEAT.saturating_mul(10);
/// How long a process may take to go by itself.
const GOING: Duration = Duration::from_secs(2);

/// A backend in a process of its own, which is supervised until it is gone.
pub(crate) struct ProcessExecutor {
    id: u32,
    requests: mpsc::Sender<Request>,
    kill: CancellationToken,
    /// How it ended, once it is gone.
    end: watch::Receiver<Option<Arc<str>>>,
    supervision: JoinHandle<()>,
}

/// An order, and who waits for its report.
struct Request {
    order: Vec<u8>,
    waiter: Waiter,
}

enum Waiter {
    Open(oneshot::Sender<Result<Opened, BackendError>>),
    Execute { entries: usize, since: Instant, done: oneshot::Sender<Executed> },
}

struct Supervisor {
    name: String,
    child: Child,
    orders: OwnedWriteHalf,
    reports: FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    kill: CancellationToken,
    /// Of the order that it works on.
    waiter: Option<Waiter>,
}

/// Why a process is supervised no longer.
enum Ending {
    /// Nobody has orders for it any more.
    Left,
    /// It has closed the socket, or said what has no meaning.
    Closed,
    /// It is to be killed.
    Killed,
    /// It said nothing any more.
    Silent,
}

impl ProcessExecutor {
    /// Starts the process; it has nothing opened yet.
    pub(super) fn spawn(name: &str, program: &Program) -> Result<Self, BackendError> {
        let spawned = spawn(program);
        let (child, socket) = spawned.map_err(|error| {
            BackendError(format!("no process for the replica: {}: {error}", program.path.display()))
        })?;
        let id = child.id().unwrap_or_default();
        let (reports, orders) = socket.into_split();
        let mut codec = LengthDelimitedCodec::builder();
        let reports = codec.max_frame_length(MOST_BYTES).new_read(reports);
        let kill = CancellationToken::new();
        let (requests, receiver) = mpsc::channel(1);
        let (ended, end) = watch::channel(None);
        let supervisor = Supervisor {
            name: name.to_owned(),
            child,
            orders,
            reports,
            kill: kill.clone(),
            waiter: None,
        };
        let supervision = tokio::spawn(async move {
            let how = supervisor.supervise(receiver).await;
            ended.send_replace(Some(how));
        });
        Ok(Self { id, requests, kill, end, supervision })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Has it open the backend.
    pub(super) async fn open(
        &self,
        source: &BackendSource,
        sizing: Option<Sizing>,
    ) -> Result<Opened, BackendError> {
        let sizing = sizing.map(|sizing| (sizing.latency_slo, sizing.max_batch_size));
        let order = encode(&Order::Open { source: source.clone(), sizing });
        let order = order.map_err(|error| BackendError(error.to_string()))?;
        let (opened, open) = oneshot::channel();
        let _ = self.requests.try_send(Request { order, waiter: Waiter::Open(opened) });
        let died = || BackendError("the replica's process died while opening".to_owned());
        open.await.map_err(|_| died())?
    }

    pub(super) fn execute(&self, inputs: Vec<Option<Input>>) -> oneshot::Receiver<Executed> {
        let (done, executed) = oneshot::channel();
        let (entries, since) = (inputs.len(), Instant::now());
        match encode(&Order::Execute(inputs)) {
            // A dead process drops `done`, which the receiver sees as a crash.
            Ok(order) => {
                let waiter = Waiter::Execute { entries, since, done };
                let _ = self.requests.try_send(Request { order, waiter });
            }
            Err(error) => {
                let error = BackendError(format!("the batch cannot be sent: {error}"));
                let _ = done.send(Executed { outputs: Err(error.into()), took: since.elapsed() });
            }
        }
        executed
    }

    /// Resolves when it is gone: how it ended.
    pub(super) async fn ended(&mut self) -> Arc<str> {
        match self.end.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => Arc::from("is supervised no longer"),
        }
    }

    /// Lets it go, and waits until it is gone.
    pub(super) async fn end(self) {
        drop(self.requests);
        let _ = self.supervision.await;
    }

    /// Kills it, and waits until it is gone.
    pub(super) async fn kill(self) {
        self.kill.cancel();
        let _ = self.supervision.await;
    }
}

fn spawn(program: &Program) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let child = Command::new(&program.path)
        .args(&program.arguments)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // Signals of the terminal are for the gateway, which lets its replicas finish.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

impl Supervisor {
    /// Passes orders and reports on until the process is gone, and says how it ended.
    async fn supervise(mut self, mut requests: mpsc::Receiver<Request>) -> Arc<str> {
        let ending = self.converse(&mut requests).await;
        let Self { name, mut child, orders, reports, waiter, .. } = self;
        // The process sees its socket closed.
        drop((orders, reports));
        let status = match ending {
            Ending::Left | Ending::Closed => timeout(GOING, child.wait()).await.ok(),
            Ending::Killed | Ending::Silent => None,
        };
        let status = match status {
            Some(status) => status,
            None => {
                let _ = child.start_kill();
                child.wait().await
            }
        };
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let how: Arc<str> = match ending {
            Ending::Silent => format!("its process said nothing for {SILENCE:?}").into(),
            _ => format!("its process ended: {status}").into(),
        };
        tracing::debug!(replica = name, how = &*how, "process of the replica is gone");
        if let Some(Waiter::Execute { since, done, .. }) = waiter {
            let outputs = Err(ExecuteError::Crashed(how.clone()));
            let _ = done.send(Executed { outputs, took: since.elapsed() });
        }
        how
    }

    async fn converse(&mut self, requests: &mut mpsc::Receiver<Request>) -> Ending {
        loop {
            tokio::select! {
                biased;
                () = self.kill.cancelled() => return Ending::Killed,
                report = timeout(SILENCE, self.reports.next()) => match report {
                    Ok(Some(Ok(bytes))) if self.report(&bytes) => {}
                    Ok(_) => return Ending::Closed,
                    Err(_) => return Ending::Silent,
                },
                request = requests.recv() => {
                    let Some(Request { order, waiter }) = request else { return Ending::Left };
                    self.waiter = Some(waiter);
                    // A process that stands still reads nothing.
                    tokio::select! {
                        sent = self.orders.write_all(&order) => if sent.is_err() {
                            return Ending::Closed;
                        },
                        () = self.kill.cancelled() => return Ending::Killed,
                    }
                }
            }
        }
    }

    /// Passes a report on; false if it has no meaning.
    fn report(&mut self, bytes: &[u8]) -> bool {
        match (decode(bytes), self.waiter.take()) {
            (Ok(Report::Alive), waiter) => self.waiter = waiter,
            (Ok(Report::Opened(opened)), Some(Waiter::Open(waiter))) => {
                let _ = waiter.send(opened.map_err(BackendError));
            }
            (Ok(Report::Executed(outputs)), Some(Waiter::Execute { entries, since, done }))
                if outputs.as_ref().map_or(entries, Vec::len) == entries =>
            {
                let outputs = outputs.map_err(ExecuteError::from);
                let _ = done.send(Executed { outputs, took: since.elapsed() });
            }
            (_, waiter) => {
                self.waiter = waiter;
                return false;
            }
        }
        true
    }
}
