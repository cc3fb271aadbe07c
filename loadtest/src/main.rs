//! `framegate-loadtest`: asks a gateway for predictions and says what became of them.

mod arrivals;
mod load;
mod report;
mod requests;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser};
use framegate_proto::v1::frame_service_client::FrameServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::{
    arrivals::{Arrival, Pattern, recorded},
    load::{Bounds, closed, open},
    requests::Requests,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Asks a gateway for predictions, and prints how they ended and how long they took.
///
/// With a rate, bursts or a recording the load is open: requests are sent when they are due, whether or not
/// others are answered, and what each took counts from then, so that a gateway which stands still is
/// not asked less.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The gateway's gRPC address.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    addr: String,
    #[command(flatten)]
    load: Load,
    /// How long, in seconds; a recording ends by itself.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before that, in which the load is the same and nothing counts.
    #[arg(long, default_value_t = 0.0)]
    warm_up: f64,
    /// The frames: {frame} and {camera} stand for their numbers.
    #[arg(long, default_value = "frames:frame_{frame}.jpg")]
    uri: String,
    /// Frames that are asked for in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// Cameras that ask in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    cameras: u32,
    /// Models, separated by commas; all that the gateway has if there is none.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Seconds after which a request is given up.
    #[arg(long, default_value_t = 30.0)]
    timeout: f64,
    /// Connections that share the requests.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Requests that may be under way; what is due beyond that is counted, and not sent.
    #[arg(long, default_value_t = 10_000)]
    most_in_flight: usize,
    /// Where chance starts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Load {
    /// So many requests are always under way.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: Option<u32>,
    /// So many requests per second, by chance (a Poisson process).
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// So many requests per second, at even distances.
    #[arg(long, value_name = "PER_SECOND")]
    even_rate: Option<f64>,
    /// So many requests at once, each so many seconds: 150@0.1.
    #[arg(long, value_name = "N@SECONDS")]
    bursts: Option<Bursts>,
    /// What `framegate record` has written.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
}

#[derive(Clone, Copy)]
struct Bursts {
    size: u32,
    every: Duration,
}

impl std::str::FromStr for Bursts {
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

#[tokio::main]
#[allow(clippy::print_stdout)]
async fn main() -> Result<()> {
    let options = Options::parse();
    let report = run(&options).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report.figures())?);
    } else {
        print!("{report}");
    }
    Ok(())
}

async fn run(options: &Options) -> Result<report::Report> {
    let clients = connect(&options.addr, options.connections).await?;
    let bounds = Bounds {
        warm_up: seconds(options.warm_up)?,
        timeout: seconds(options.timeout)?,
        most_in_flight: options.most_in_flight,
    };
    let Options { uri, frames, cameras, models, .. } = options;
    let requests = Requests::new(uri.clone(), *frames, *cameras, models.clone());
    let lasts = bounds.warm_up + seconds(options.seconds)?;
    match arrivals(options, &requests, lasts)? {
        Some(arrivals) => Ok(open(clients, arrivals, bounds).await),
        None => {
            let in_flight = options.load.in_flight.unwrap_or(1);
            Ok(closed(clients, requests, in_flight, lasts, bounds).await)
        }
    }
}

/// When which request is due; none for a closed load.
fn arrivals(
    options: &Options,
    requests: &Requests,
    lasts: Duration,
) -> Result<Option<Box<dyn Iterator<Item = Arrival> + Send>>> {
    let Load { rate, even_rate, bursts, recording, .. } = &options.load;
    if let Some(file) = recording {
        return Ok(Some(Box::new(recorded(file, requests)?.into_iter())));
    }
    let pattern = match (rate, even_rate, bursts) {
        (Some(rate), ..) => Pattern::ByChance { rate: *rate, seed: options.seed },
        (_, Some(rate), _) => Pattern::Even { rate: *rate },
        (.., Some(Bursts { size, every })) => Pattern::Bursts { size: *size, every: *every },
        _ => return Ok(None),
    };
    ensure!(pattern.is_valid(), "a rate is a number from 0.001");
    let requests = requests.clone();
    let due = pattern.due().take_while(move |due| *due < lasts);
    let arrivals =
        due.zip(0..).map(move |(due, number)| Arrival { due, asked: requests.get(number) });
    Ok(Some(Box::new(arrivals)))
}

async fn connect(address: &str, connections: u16) -> Result<Vec<FrameServiceClient<Channel>>> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .with_context(|| format!("{address} is no address; write HOST:PORT"))?
        .connect_timeout(Duration::from_secs(3))
        .tcp_nodelay(true);
    let mut clients = Vec::new();
    for _ in 0..connections {
        let channel = endpoint.connect().await;
        let channel = channel.with_context(|| format!("no gateway answers at {address}"))?;
        clients.push(FrameServiceClient::new(channel));
    }
    Ok(clients)
}

fn seconds(number: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(number)
        .with_context(|| format!("{number} is no number of seconds from zero"))
}
