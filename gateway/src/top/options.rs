use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use clap::Args;

use crate::{client::Address, policy::parse_duration};

/// What `framegate top` watches, and how it shows it.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The gateway.
    #[command(flatten)]
    pub gateway: Address,
    /// Between two readings, 100ms to 60s; rates are over this time.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// Print lines instead of the view, as where stdout is no terminal.
    #[arg(long)]
    pub plain: bool,
    /// Print the lines of one interval, and exit.
    #[arg(long)]
    pub once: bool,
}

impl Options {
    /// Watches the gateway at `addr`, and shows it as it suits stdout.
    pub fn new(addr: String, interval: Duration) -> Self {
        Self { gateway: Address { addr }, interval, plain: false, once: false }
    }
}

/// What a gateway accepts as the time between two readings.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);

/// Whether the view can be shown: stdout is a terminal that can place the cursor.
pub fn is_terminal() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !dumb
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).ok_or("must be a duration with its unit, such as 500ms")?;
    if (SHORTEST..=LONGEST).contains(&interval) {
        return Ok(interval);
    }
    Err("must be 100ms to 60s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_a_unit_and_bounds() {
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(interval("60s"), Ok(Duration::from_secs(60)));
        for refused in ["99ms", "61s", "1", "soon"] {
            assert!(interval(refused).is_err(), "{refused}");
        }
    }
}
