use std::{io, process::ExitCode};

use framegate::top::{self, Console, Options};
use tokio::sync::watch;

use super::{failed, signals::Signals};

/// Shows a gateway until its reader leaves, SIGTERM or SIGINT.
pub async fn run(options: Options) -> ExitCode {
    match show(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure),
    }
}

async fn show(options: &Options) -> anyhow::Result<()> {
    let stop = Signals::new()?.stop();
    if options.once {
        return top::print_once(options, &mut io::stdout(), &stop).await;
    }
    if options.plain || !top::is_terminal() {
        return top::print(options, &mut io::stdout(), &stop).await;
    }
    let (_none, notes) = watch::channel(String::new());
    let mut console = Console::enter(tempfile::tempfile()?)?;
    top::show(options, &mut console, notes, &stop).await
}
