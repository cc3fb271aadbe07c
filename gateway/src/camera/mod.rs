//! `framegate camera`: plays videos, folders of frames or streams as the cameras of a site would.
//!
//! Each clip is encoded once into objects of a bucket. Then every camera is a task that sends
//! references to them, at its own pace and from its own place in the clip, to its own topic. A
//! stream's frames become objects as they come. The Kafka client's thread takes the broker's
//! acknowledgements, tells each camera's tally, and has them logged.

mod clip_source;
mod options;

// Clips become objects of the bucket.
mod clip;
mod clip_name;
pub(crate) mod ffmpeg;
mod staging;
mod store;

// What a camera shows, and when.
mod reel;
mod schedule;

// Frames of streams, and of cameras that want it, become objects of their own.
mod live;
mod objects;

// Records to the broker, and back as acknowledgements.
mod ack_log;
mod player;
mod producer;
mod record;
mod tally;

// What is told of it.
mod progress;
mod summary;

mod prepare;
#[cfg(test)]
mod tests;

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use ack_log::AckLog;
pub use clip_source::{ClipSource, StreamUrl};
pub use options::{Burst, Destination, Options, RecordFormat, S3Target};
use player::{Camera, Show};
use prepare::prepare;
pub use progress::{Progress, logged};
pub use summary::{CameraSummary, Counts, Latency, PartitionReport, Summary};
use tally::Tally;

/// How long there may be no acknowledgement at the end, when some are still to come.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Plays until the options' end or until `stop` is cancelled, then waits for the broker to
/// acknowledge what was sent, until it has acknowledged nothing for 10 s. The files of acknowledged
/// records and of the report are whole when this returns. `progress` is told once a second how far
/// the cameras are.
///
/// Errors say what of the options does not hold, or which of clip, ffmpeg, bucket, broker and file
/// is not to be had. Frames that do not reach the broker are no error; they are counted.
pub async fn run(
    options: Options,
    stop: CancellationToken,
    progress: impl FnMut(Progress),
) -> anyhow::Result<Summary> {
    let stop = stop.child_token();
    let prepared = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(Summary::default()),
        prepared = prepare(&options) => prepared?,
    };
    let log = options
        .acknowledged
        .as_deref()
        .map(|path| AckLog::create(path, stop.clone()))
        .transpose()?;
    let (show, cameras) = prepared.cameras(&options, log.as_ref().map(AckLog::lines))?;
    let tallies: Vec<_> = cameras.iter().map(|camera| Arc::clone(&camera.tally)).collect();
    tokio::select! {
        played = play(cameras, &tallies, &show, &stop) => played?,
        never = progress::tell(tallies.len(), || total(&tallies), progress) => match never {},
        never = sweep(&show) => match never {},
    }
    let summary = summary(&show, &tallies)?;
    // The log ends when nobody can write to it any more.
    drop(show);
    if let Some(log) = log {
        log.finish().await?;
    }
    if let Some(path) = &options.report {
        write_report(path, &summary)?;
    }
    let Counts { produced, acknowledged, failed, late, reconnects } = summary.total;
    let cameras = tallies.len();
    info!(cameras, produced, acknowledged, failed, late, reconnects, "cameras have stopped");
    Ok(summary)
}

/// Lets the cameras play to their end, and sees every record to its own.
async fn play(
    cameras: Vec<Camera>,
    tallies: &[Arc<Tally>],
    show: &Show,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut players = JoinSet::new();
    info!(cameras = cameras.len(), "cameras play");
    for camera in cameras {
        players.spawn(camera.play(stop.clone()));
    }
    while let Some(ended) = players.join_next().await {
        ended?;
    }
    let settled = async {
        for tally in tallies {
            tally.settled().await;
        }
    };
    tokio::pin!(settled);
    let mut acknowledged = total(tallies).acknowledged;
    while timeout(ACKNOWLEDGE_TIMEOUT, &mut settled).await.is_err() {
        let before = std::mem::replace(&mut acknowledged, total(tallies).acknowledged);
        if acknowledged == before {
            warn!(waited = ?ACKNOWLEDGE_TIMEOUT, "the broker acknowledges no more frames: the rest counts as failed");
            show.producer.give_up();
            settled.await;
            break;
        }
    }
    Ok(())
}

/// Deletes old objects, where there are any to delete, until dropped.
async fn sweep(show: &Show) -> std::convert::Infallible {
    match &show.objects {
        Some(objects) => objects.sweep().await,
        None => std::future::pending().await,
    }
}

fn total(tallies: &[Arc<Tally>]) -> Counts {
    tallies.iter().fold(Counts::default(), |sum, tally| sum.plus(tally.counts()))
}

fn summary(show: &Show, tallies: &[Arc<Tally>]) -> anyhow::Result<Summary> {
    let camera = |tally: &Arc<Tally>| CameraSummary {
        camera_id: tally.camera_id().to_string(),
        counts: tally.counts(),
        acknowledgement: tally.latency(),
        partitions: tally.partitions(),
    };
    Ok(Summary {
        seconds: show.begin.elapsed().as_secs_f64(),
        total: total(tallies),
        acknowledgement: Tally::latency_of_all(tallies.iter())?,
        cameras: tallies.iter().map(camera).collect(),
    })
}

/// Writes the report beside its place first, so that it is there whole or not at all.
fn write_report(path: &Path, summary: &Summary) -> anyhow::Result<()> {
    let unwritten =
        || format!("cannot write {}: choose another place with --report", path.display());
    let partial = path.with_extension("partial");
    let text = serde_json::to_vec_pretty(summary)?;
    fs::write(&partial, text).with_context(unwritten)?;
    fs::rename(&partial, path).with_context(unwritten)
}
