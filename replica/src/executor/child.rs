use std::{
    fs,
    io::{self, ErrorKind, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use framegate_batcher::Sizing;

use super::{
    Opened,
    engine::Engine,
    memory::own_memory,
    wire::{Failure, HEARTBEAT, Order, Report, encode, read},
};
use crate::backend::BackendError;

/// Where reports go; one is written at a time.
#[derive(Clone)]
struct Reports(Arc<Mutex<UnixStream>>);

/// Executes batches for the process at the other end of the socket, until that closes it or the
/// backend crashes. It executes on a thread of its own, so that it is gone with its gateway even
/// if a batch hangs.
///
/// # Errors
/// When the socket fails or something else than orders comes.
pub fn serve(socket: UnixStream) -> io::Result<()> {
    be_the_first_to_go();
    let reports = Reports(Arc::new(Mutex::new(socket.try_clone()?)));
    let heart = reports.clone();
    thread::Builder::new().name("heartbeat".to_owned()).spawn(move || heart.beat())?;
    let (orders, taken) = mpsc::sync_channel(1);
    let execute = move || {
        if execute_all(&taken, &reports).is_err() {
            // Nothing can be executed or said any more: the reader ends, and the process with it.
            let _ = reports.lock().shutdown(Shutdown::Both);
        }
    };
    thread::Builder::new().name("execute".to_owned()).spawn(execute)?;
    loop {
        match read(&socket) {
            // An executor that has ended takes no more; the socket is closed then.
            Ok(order) => drop(orders.send(order)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Where memory runs out, the system is to end this process and not the gateway.
fn be_the_first_to_go() {
    // It is allowed to everyone, and without it the system chooses by size.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
}

fn execute_all(orders: &mpsc::Receiver<Order>, reports: &Reports) -> io::Result<()> {
    let unexpected = || io::Error::new(ErrorKind::InvalidData, "another order was expected");
    let Ok(Order::Open { source, sizing }) = orders.recv() else { return Err(unexpected()) };
    let sizing = sizing.map(|(latency_slo, max_batch_size)| Sizing { latency_slo, max_batch_size });
    let mut engine = match Engine::open(&source, sizing.as_ref()) {
        Ok((engine, measured)) => {
            let memory = own_memory().unwrap_or_default();
            let provider = engine.provider();
            reports.write(&Report::Opened(Ok(Opened { measured, memory, provider })))?;
            engine
        }
        Err(BackendError(why)) => return reports.write(&Report::Opened(Err(why))),
    };
    while let Ok(order) = orders.recv() {
        let Order::Execute(inputs) = order else { return Err(unexpected()) };
        let outputs = engine.execute(&inputs).map_err(Failure::from);
        let crashed = matches!(outputs, Err(Failure::Crashed(_)));
        reports.write(&Report::Executed(outputs))?;
        if crashed {
            return Err(io::Error::other("the backend panicked"));
        }
    }
    Ok(())
}

impl Reports {
    fn write(&self, report: &Report) -> io::Result<()> {
        let bytes = encode(report)?;
        self.lock().write_all(&bytes)
    }

    fn beat(&self) {
        while self.write(&Report::Alive).is_ok() {
            pause(HEARTBEAT);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UnixStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// This thread does nothing else, and no runtime is here.
#[allow(clippy::disallowed_methods)]
fn pause(time: Duration) {
    thread::sleep(time);
}
