//! The command line: parses it, sets up logging and the runtime, and runs one subcommand.

mod allocator;
mod camera;
mod change;
mod check;
mod demo;
mod docs;
mod doctor;
mod output;
mod record;
mod replica;
mod schema;
mod serve;
mod signals;
mod simulate;
mod top;

use std::{
    env,
    io::{self, IsTerminal},
    num::NonZero,
    path::Path,
    process::ExitCode,
    thread,
};

use clap::{Parser, Subcommand, ValueEnum};
use framegate::policy::{self, Policy, PolicyErrors};
use tokio::runtime::Runtime;
use tracing::error;
use tracing_subscriber::EnvFilter;

/// Serves vision models on video frames.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written to stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "FRAMEGATE_LOG_FORMAT")]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace, also per module.
    #[arg(long, global = true, default_value = "info", env = "FRAMEGATE_LOG")]
    log: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway and its replicas with a policy.
    Serve(serve::Options),
    /// Validate a policy and say what it would run, or change in a running gateway.
    Check(check::Options),
    /// Apply a policy to a running gateway.
    Apply(change::ApplyOptions),
    /// Bring the policy back that a running gateway had before.
    Rollback(change::RollbackOptions),
    /// Print the JSON Schema of a policy, or its reference.
    Schema(schema::Options),
    /// Play videos or folders of frames into a bucket and Kafka topics.
    Camera(Box<framegate::camera::Options>),
    /// Run everything on this machine, with an embedded broker and cameras.
    Demo(framegate::demo::Options),
    /// Show a running gateway's pools, cameras and latest results.
    Top(framegate::top::Options),
    /// Record what comes into a running gateway, to simulate it.
    Record(record::Options),
    /// Play a load through a policy's pools in virtual time: latency, queue, replicas and their cost.
    Simulate(simulate::Options),
    /// Say what this machine offers, what is missing, what for, and how to get it.
    Doctor(doctor::Options),
    /// Run a replica's model for the gateway that has started this; `placement: process` does.
    Replica,
    /// Write the generated pages of Framegate's own repository (`make docs`).
    #[command(hide = true)]
    Docs(docs::Options),
}

/// Exit code for a policy, or a command line, that was refused.
const REFUSED: u8 = 2;

/// The policy in the file; if it is refused, that is said, and how the process exits for it.
fn load_policy(path: &Path) -> Result<Policy, ExitCode> {
    policy::load(path).map_err(|problems| refused(&problems))
}

/// Says why a policy is refused, and answers how the process exits for it.
fn refused(problems: &PolicyErrors) -> ExitCode {
    output::problem(&problems.to_string());
    ExitCode::from(REFUSED)
}

/// Threads for steps that block, besides those that load frames, which are as many as cores.
const BLOCKING_THREADS: usize = 4;

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Err(problem) = start_logging(&cli) {
        output::problem(&format!("--log {}: {problem}", cli.log));
        return ExitCode::from(REFUSED);
    }
    #[cfg(feature = "failpoints")]
    if let Err(problem) = framegate_replica::failpoint::arm() {
        output::problem(&problem);
        return ExitCode::from(REFUSED);
    }
    let program = replica::program(&cli.log, cli.log_format);
    if matches!(cli.command, Command::Replica) {
        return replica::run();
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    runtime.spawn(allocator::give_back());
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => serve::run(options, program).await,
            Command::Check(options) => check::run(&options).await,
            Command::Apply(options) => change::apply(options).await,
            Command::Rollback(options) => change::roll_back(options).await,
            Command::Schema(options) => schema::run(&options),
            Command::Camera(options) => camera::run(*options).await,
            Command::Demo(options) => demo::run(options, program).await,
            Command::Top(options) => top::run(options).await,
            Command::Record(options) => record::run(options).await,
            Command::Simulate(options) => simulate::run(&options),
            Command::Doctor(options) => doctor::run(&options).await,
            Command::Docs(options) => docs::run(&options),
            Command::Replica => replica::run(),
        }
    });
    // What still blocks, such as a batch that was abandoned, shall not hold the process.
    runtime.shutdown_background();
    code
}

/// A step that finds no blocking thread waits for one. Without this bound a burst makes many more
/// of them than ever work at once, and each keeps memory of its own.
fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("fg-async")
        .max_blocking_threads(cores + BLOCKING_THREADS)
        .enable_all()
        .build()
}

fn start_logging(cli: &Cli) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::try_new(&cli.log)?;
    let coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(coloured)
        .with_writer(io::stderr);
    match cli.log_format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Logs why a command failed, with its causes, and answers the exit code.
fn failed(failure: &anyhow::Error) -> ExitCode {
    error!("{failure:#}");
    ExitCode::FAILURE
}
