//! `framegate-loadtest`: asks a gateway for predictions, or any server of HTTP, and says what became of that.

mod arrivals;
mod connection;
mod gateway;
mod load;
mod options;
mod posts;
mod report;
mod requests;
mod target;
mod web;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hyper::Uri;

use crate::{
    arrivals::{Arrivals, Pattern, recorded},
    connection::Version,
    gateway::Gateway,
    load::{Bounds, closed, open},
    options::{Bursts, Load, Options},
    posts::Posts,
    requests::{InTurn, Requests},
    target::Target,
    web::Web,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// One thread, which takes little from a server that runs beside it.
#[tokio::main(flavor = "current_thread")]
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
    let bounds = Bounds {
        warm_up: seconds(options.warm_up)?,
        timeout: seconds(options.timeout)?,
        most_in_flight: options.most_in_flight,
    };
    let lasts = bounds.warm_up + seconds(options.seconds)?;
    let (arrivals, requests) = what(options, lasts)?;
    let targets = match (&options.web.url, &options.web.bodies) {
        (Some(url), Some(bodies)) => servers(options, url, bodies).await?,
        _ => gateways(options, requests).await?,
    };
    match arrivals {
        Some(arrivals) => Ok(open(targets, arrivals, bounds).await),
        None => Ok(closed(targets, options.load.in_flight.unwrap_or(1), lasts, bounds).await),
    }
}

/// When requests are due, or never for a closed load; and what a gateway is asked.
fn what(options: &Options, lasts: Duration) -> Result<(Option<Arrivals>, Requests)> {
    let Options { uri, frames, cameras, models, .. } = options;
    let in_turn = InTurn::new(uri.clone(), *frames, *cameras, models.clone());
    let Load { rate, even_rate, bursts, recording, .. } = &options.load;
    if let Some(file) = recording {
        let (due, asked) = recorded(file, &in_turn)?;
        return Ok((Some(Box::new(due.into_iter())), Requests::Recorded(asked.into())));
    }
    let requests = Requests::InTurn(in_turn);
    let pattern = match (rate, even_rate, bursts) {
        (Some(rate), ..) => Pattern::ByChance { rate: *rate, seed: options.seed },
        (_, Some(rate), _) => Pattern::Even { rate: *rate },
        (.., Some(Bursts { size, every })) => Pattern::Bursts { size: *size, every: *every },
        _ => return Ok((None, requests)),
    };
    ensure!(pattern.is_valid(), "a rate is a number from 0.001");
    Ok((Some(Box::new(pattern.due().take_while(move |due| *due < lasts))), requests))
}

async fn gateways(options: &Options, requests: Requests) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for _ in 0..options.connections {
        let gateway = Gateway::connect(&options.addr, requests.clone()).await?;
        targets.push(Target::Gateway(gateway));
    }
    Ok(targets)
}

async fn servers(options: &Options, url: &Uri, bodies: &Path) -> Result<Vec<Target>> {
    let headers = options.web.headers.iter().cloned().collect();
    let (version, count) = match options.load.in_flight {
        _ if !options.web.http1 => (Version::Http2, options.connections.into()),
        Some(in_flight) => (Version::Http1, in_flight),
        // They become as many as are needed.
        None => (Version::Http1, options.connections.into()),
    };
    let posts = Posts::new(url, version, headers, bodies)?;
    let mut targets = Vec::new();
    for _ in 0..count {
        targets.push(Target::Web(Web::connect(url, version, posts.clone()).await?));
    }
    Ok(targets)
}

fn seconds(number: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(number)
        .with_context(|| format!("{number} is no number of seconds from zero"))
}
