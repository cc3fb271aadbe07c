use std::{io, os::fd::AsFd, os::unix::net::UnixStream, path::PathBuf, process::ExitCode};

use clap::ValueEnum;
use framegate_replica::{Program, serve_orders};
use tracing::error;

use super::{LogFormat, REFUSED, output};

/// This binary again, wherever it has been moved to, which logs as this process does.
const THIS_BINARY: &str = "/proc/self/exe";

/// What runs a replica in a process of its own.
pub fn program(log: &str, log_format: LogFormat) -> Program {
    let format = log_format.to_possible_value();
    let format = format.as_ref().map_or("text", |value| value.get_name());
    let arguments = ["--log", log, "--log-format", format, "replica"].map(Into::into);
    Program { path: PathBuf::from(THIS_BINARY), arguments: arguments.to_vec() }
}

/// Serves the orders of the gateway that has started this process, until it closes the socket.
pub fn run() -> ExitCode {
    let Some(socket) = standard_input() else {
        output::problem(
            "replica: the standard input is no socket; `framegate serve` starts replicas by itself \
             where a model has `placement: process`",
        );
        return ExitCode::from(REFUSED);
    };
    match serve_orders(socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(%failure, "replica process failed");
            ExitCode::FAILURE
        }
    }
}

fn standard_input() -> Option<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    socket.peer_addr().is_ok().then_some(socket)
}
