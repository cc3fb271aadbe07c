//! `framegate camera`: plays videos or folders of frames as the cameras of a site would.
//!
//! Each clip is encoded once into objects of a bucket. Then every camera is a task that sends
//! references to them, at its own pace and from its own place in the clip, to its own topic; a
//! second task per camera waits for the broker's acknowledgements and has them logged.

mod options;

// Clips become objects of the bucket.
mod clip;
mod clip_name;
mod ffmpeg;
mod staging;
mod store;

// What a camera shows, and when.
mod reel;
mod schedule;

// Records to the broker, and back as acknowledgements.
mod ack_log;
mod player;
mod producer;
mod record;
mod summary;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use ack_log::AckLog;
use clip::Clip;
pub use options::{Burst, Destination, Options, RecordFormat, S3Target};
use player::{Camera, Show};
use producer::Producer;
use reel::Reel;
use schedule::Schedule;
use store::ClipStore;
use summary::{Counters, report};
pub use summary::{Counts, Summary};

/// How long a broker may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long acknowledgements may take at the end.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Records of one camera without an acknowledgement before the camera waits.
const IN_FLIGHT_PER_CAMERA: usize = 1024;

/// Plays until the options' end or until `stop` is cancelled, then waits up to 10 s for the broker
/// to acknowledge what was sent. The file of acknowledged records is whole when this returns.
///
/// Errors say what of the options does not hold, or which of clip, ffmpeg, bucket, broker and file
/// is not to be had. Frames that do not reach the broker are no error; they are counted.
pub async fn run(options: Options, stop: CancellationToken) -> anyhow::Result<Summary> {
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
    let cameras = prepared.cameras(&options);
    let read = || {
        Summary::new(
            cameras.iter().map(|camera| (camera.id.clone(), camera.counters.counts())).collect(),
        )
    };
    tokio::select! {
        played = play(&cameras, &prepared.show.producer, log.as_ref(), &stop) => played?,
        never = report(read) => match never {},
    }
    if let Some(log) = log {
        log.finish().await?;
    }
    let summary = read();
    let Counts { produced, acknowledged, failed, late } = summary.total;
    info!(cameras = cameras.len(), produced, acknowledged, failed, late, "cameras have stopped");
    Ok(summary)
}

/// What is in place before the first camera plays.
struct Prepared {
    clips: Vec<Arc<Clip>>,
    show: Arc<Show>,
}

async fn prepare(options: &Options) -> anyhow::Result<Prepared> {
    ensure!(options.cameras > 0, "--cameras is 0: give at least 1");
    ensure!(!options.clips.is_empty(), "no clip to play: give one with --clip");
    let schedule = Schedule::new(options.fps, options.burst)?;
    let end = match options.seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .with_context(|| format!("--seconds is {seconds}: give a number of at least 0"))?,
        None => Duration::MAX,
    };
    let security = options
        .kafka_security
        .as_deref()
        .map(|file| crate::policy::load_security(file, &options.brokers))
        .transpose()?
        .unwrap_or_default();
    let store = ClipStore::open(options)?;
    let mut clips = Vec::new();
    for source in &options.clips {
        clips.push(Arc::new(Clip::prepare(source, &store, options.quality).await?));
    }
    // Twice what cameras may have in flight, as Kafka's client frees a place a moment after it has
    // told the follower: so it is never full.
    let capacity = 2 * options.cameras as usize * (IN_FLIGHT_PER_CAMERA + 2);
    let show = Show {
        bucket_name: options.bucket_name.clone(),
        format: options.format,
        schedule,
        frames: options.frames.unwrap_or(u64::MAX),
        end,
        producer: Producer::connect(&options.brokers, &security, capacity, CONNECT_TIMEOUT).await?,
    };
    Ok(Prepared { clips, show: Arc::new(show) })
}

impl Prepared {
    /// The cameras, their first frames spread over one interval from now.
    fn cameras(&self, options: &Options) -> Vec<Arc<Camera>> {
        let start = Instant::now();
        let interval = self.show.schedule.interval();
        let camera = |index: u32| Camera {
            id: format!("{}{}", options.topic_prefix, index + 1),
            reel: Reel::of_camera(
                &self.clips,
                index as usize,
                options.cameras as usize,
                options.fps,
            ),
            start: start + interval.mul_f64(f64::from(index) / f64::from(options.cameras)),
            counters: Counters::default(),
            show: Arc::clone(&self.show),
        };
        (0..options.cameras).map(|index| Arc::new(camera(index))).collect()
    }
}

/// Lets the cameras play to their end, and sees every record to its own.
async fn play(
    cameras: &[Arc<Camera>],
    producer: &Producer,
    log: Option<&AckLog>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (mut players, mut followers) = (JoinSet::new(), JoinSet::new());
    for camera in cameras {
        let (sent, in_flight) = mpsc::channel(IN_FLIGHT_PER_CAMERA);
        players.spawn(Arc::clone(camera).play(sent, stop.clone()));
        followers.spawn(Arc::clone(camera).follow(in_flight, log.map(AckLog::lines)));
    }
    info!(cameras = cameras.len(), "cameras play");
    all(&mut players).await?;
    let Ok(followed) = timeout(ACKNOWLEDGE_TIMEOUT, all(&mut followers)).await else {
        warn!(waited = ?ACKNOWLEDGE_TIMEOUT, "the broker did not acknowledge every frame: the rest counts as failed");
        producer.give_up();
        return all(&mut followers).await;
    };
    followed
}

async fn all(tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}
