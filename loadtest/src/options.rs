//! What the command line says.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Parser};
use hyper::{
    Uri,
    header::{HeaderName, HeaderValue},
};

use crate::posts::header;

/// Asks a gateway for predictions, or any server of HTTP, and prints how that ended and how long it took.
///
/// With a rate, bursts or a recording the load is open: requests are sent when they are due, whether or not
/// others are answered, and what each took counts from then, so that a gateway which stands still is
/// not asked less.
#[derive(Parser)]
#[command(version)]
pub struct Options {
    /// The gateway's gRPC address.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    pub addr: String,
    #[command(flatten)]
    pub web: WebOptions,
    #[command(flatten)]
    pub load: Load,
    /// How long, in seconds; a recording ends by itself.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds before that, in which the load is the same and nothing counts.
    #[arg(long, default_value_t = 0.0)]
    pub warm_up: f64,
    /// The frames: {frame} and {camera} stand for their numbers.
    #[arg(long, default_value = "frames:frame_{frame}.jpg")]
    pub uri: String,
    /// Frames that are asked for in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub frames: u32,
    /// Cameras that ask in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub cameras: u32,
    /// Models, separated by commas; all that the gateway has if there is none.
    #[arg(long, value_delimiter = ',')]
    pub models: Vec<String>,
    /// Seconds after which a request is given up.
    #[arg(long, default_value_t = 30.0)]
    pub timeout: f64,
    /// Connections that share the requests.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Requests that may be under way; what is due beyond that is counted, and not sent.
    #[arg(long, default_value_t = 10_000)]
    pub most_in_flight: usize,
    /// Where chance starts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Prints JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// A server of HTTP instead of a gateway.
#[derive(Args)]
pub struct WebOptions {
    /// A server of HTTP that is asked instead, by POST. HTTP/2 is spoken at once, without an upgrade.
    #[arg(long, value_name = "http://HOST:PORT/PATH", requires = "bodies")]
    #[arg(conflicts_with_all = ["addr", "uri", "frames", "cameras", "models"])]
    pub url: Option<Uri>,
    /// Files that are sent to it in turn, in the order of their names.
    #[arg(long, value_name = "FOLDER", requires = "url")]
    pub bodies: Option<PathBuf>,
    /// A header that is sent with each of them.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "url", value_parser = header)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Speaks HTTP/1.1, on as many connections as there are requests under way.
    #[arg(long, requires = "url")]
    pub http1: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Load {
    /// So many requests are always under way.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub in_flight: Option<u32>,
    /// So many requests per second, by chance (a Poisson process).
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// So many requests per second, at even distances.
    #[arg(long, value_name = "PER_SECOND")]
    pub even_rate: Option<f64>,
    /// So many requests at once, each so many seconds: 150@0.1.
    #[arg(long, value_name = "N@SECONDS")]
    pub bursts: Option<Bursts>,
    /// What `framegate record` has written.
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,
}

#[derive(Clone, Copy)]
pub struct Bursts {
    pub size: u32,
    pub every: Duration,
}

impl FromStr for Bursts {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let read = || {
            let (size, every) = written.split_once('@')?;
            let every = Duration::try_from_secs_f64(every.parse().ok()?).ok()?;
            let size = size.parse().ok()?;
            (size > 0 && !every.is_zero()).then_some(Self { size, every })
        };
        read().ok_or_else(|| format!("write N@SECONDS, such as 150@0.1; got `{written}`"))
    }
}
