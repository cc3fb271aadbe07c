use std::{
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::time::Instant;

use super::{
    clip::Clip,
    clip_source::{ClipSource, StreamUrl},
    ffmpeg,
    objects::UniqueObjects,
    options::Options,
    player::{Camera, Feed, Show},
    producer::Producer,
    record::Acknowledged,
    reel::Reel,
    schedule::Schedule,
    store::ClipStore,
    tally::{IN_FLIGHT_PER_CAMERA, Tally},
};
use crate::policy;

/// How long a broker may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is in place before the first camera plays.
pub(super) struct Prepared {
    feeds: Feeds,
    schedule: Schedule,
    end: Duration,
    objects: Option<UniqueObjects>,
    producer: Producer,
}

/// What cameras show.
enum Feeds {
    /// Clips, which they take in turn; never empty.
    Clips(Vec<Arc<Clip>>),
    /// What each of them shows, where at least one shows a stream.
    One(Vec<OneFeed>),
}

/// What one camera shows.
enum OneFeed {
    Clip(Arc<Clip>),
    Stream(StreamUrl),
}

/// Checks the options, writes the clips into the bucket, and connects to the broker.
pub(super) async fn prepare(options: &Options) -> anyhow::Result<Prepared> {
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
        .map(|file| policy::load_security(file, &options.brokers))
        .transpose()?
        .unwrap_or_default();
    let store = ClipStore::open(options)?;
    let objects = UniqueObjects::open(options, &store)?;
    let feeds = Feeds::find(options, &store).await?;
    // Twice what cameras may have in flight, as Kafka's client frees a place a moment after it has
    // told the tally: so it is never full.
    let capacity = 2 * options.cameras as usize * (IN_FLIGHT_PER_CAMERA as usize + 2);
    let producer =
        Producer::connect(&options.brokers, &security, capacity, CONNECT_TIMEOUT).await?;
    Ok(Prepared { feeds, schedule, end, objects, producer })
}

impl Feeds {
    async fn find(options: &Options, store: &ClipStore) -> anyhow::Result<Self> {
        let streams = options.has_streams();
        if streams {
            ensure!(
                options.clips.len() == options.cameras as usize,
                "a stream is one camera: with --cameras {} give as many clips, not {}",
                options.cameras,
                options.clips.len()
            );
            ffmpeg::version().await?;
        }
        let mut feeds = Vec::new();
        for source in &options.clips {
            feeds.push(match source {
                ClipSource::Stream(url) => OneFeed::Stream(url.clone()),
                ClipSource::File(path) => {
                    OneFeed::Clip(Arc::new(Clip::prepare(path, store, options.quality).await?))
                }
            });
        }
        let clip = |feed: &OneFeed| match feed {
            OneFeed::Clip(clip) => Some(Arc::clone(clip)),
            OneFeed::Stream(_) => None,
        };
        Ok(match feeds.iter().map(clip).collect() {
            Some(clips) => Self::Clips(clips),
            None => Self::One(feeds),
        })
    }

    fn of_camera(&self, index: usize, options: &Options) -> Feed {
        let reel = |clips: &[Arc<Clip>], index, cameras| {
            Feed::Reel(Reel::of_camera(clips, index, cameras, options.fps))
        };
        match self {
            Self::Clips(clips) => reel(clips, index, options.cameras as usize),
            Self::One(feeds) => match &feeds[index] {
                OneFeed::Clip(clip) => reel(&[Arc::clone(clip)], 0, 1),
                OneFeed::Stream(url) => Feed::Stream(url.clone()),
            },
        }
    }
}

impl Prepared {
    /// The cameras, their first frames spread over one interval from now.
    pub(super) fn cameras(
        self,
        options: &Options,
        log: Option<SyncSender<Acknowledged>>,
    ) -> anyhow::Result<(Arc<Show>, Vec<Camera>)> {
        let interval = self.schedule.interval();
        let show = Arc::new(Show {
            bucket_name: options.bucket_name.clone(),
            format: options.format,
            schedule: self.schedule,
            quality: options.quality,
            frames: options.frames.unwrap_or(u64::MAX),
            begin: Instant::now(),
            end: self.end,
            producer: self.producer,
            objects: self.objects,
            log,
        });
        let camera = |index: u32| {
            let id = format!("{}{}", options.topic_prefix, index + 1);
            Ok(Camera {
                tally: Arc::new(Tally::new(&id)?),
                feed: self.feeds.of_camera(index as usize, options),
                start: interval.mul_f64(f64::from(index) / f64::from(options.cameras)),
                show: Arc::clone(&show),
            })
        };
        let cameras = (0..options.cameras).map(camera).collect::<anyhow::Result<_>>()?;
        Ok((show, cameras))
    }
}
