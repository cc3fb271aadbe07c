use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use framegate::{
    client::Address,
    policy::parse_duration,
    simulate::{Counts, record},
};

use super::{output, signals::Signals};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    gateway: Address,
    /// For how long; until Ctrl-C if that comes first.
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    lasts: Duration,
    /// Where the recording is written.
    #[arg(value_name = "FILE")]
    out: PathBuf,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("must be a duration with its unit, such as 10m")
}

/// Records, and says how much.
pub async fn run(options: Options) -> ExitCode {
    let Options { gateway: Address { addr }, lasts, out } = options;
    let recorded = async {
        let mut file = BufWriter::new(File::create(&out)?);
        let counts = record(&addr, lasts, &mut file, &Signals::new()?.stop()).await?;
        file.flush()?;
        anyhow::Ok(counts)
    };
    match recorded.await {
        Ok(Counts { frames, missed }) => {
            let missed = if missed == 0 { String::new() } else { format!(", {missed} missed") };
            output::line(&format!("{frames} frames recorded{missed}: {}", out.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::problem(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
