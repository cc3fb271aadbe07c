use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};

use super::{kafka::Kafka, options::Options};
use crate::{
    camera,
    policy::{Bucket, Document, JsonlSink, Sink},
};

/// What the demo plays on: its broker, its bucket, and the files of the run.
pub struct Stage {
    /// The Kafka of the demo.
    pub kafka: Kafka,
    /// Where records go that cannot be served.
    pub dead_letter_topic: Option<String>,
    /// What the broker acknowledged to the cameras.
    pub acknowledged: PathBuf,
    /// The results.
    pub results: PathBuf,
    /// The drop log.
    pub drops: PathBuf,
    /// The summary.
    pub summary: PathBuf,
    /// What is logged while the view is up.
    pub log: PathBuf,
    bucket_name: String,
    bucket: PathBuf,
}

/// Every so often the cameras speed up, for a moment and by a factor, so that replicas come and go.
const BURST: camera::Burst =
    camera::Burst { every: Duration::from_secs(8), lasts: Duration::from_secs(2), factor: 3.0 };

impl Stage {
    /// Reads the policy, sets up Kafka with one topic per camera, points the policy to it, and
    /// removes the files of the last run.
    ///
    /// # Errors
    /// When the policy is refused or lacks a bucket or the drop log, or the broker cannot start
    /// or be reached.
    pub async fn set(options: &Options) -> anyhow::Result<(Self, Document)> {
        let mut document = Document::load(&options.config)?;
        let policy = &mut document.policy;
        let Some(Sink::Jsonl(JsonlSink { path: results, drops: Some(drops), .. })) =
            policy.sinks.first().cloned()
        else {
            bail!("{}: the demo needs a jsonl sink with drops", options.config.display());
        };
        let folder =
            |bucket: &Bucket| Some((bucket.name.clone(), bucket.place.folder()?.to_owned()));
        let (bucket_name, bucket) = policy.buckets.iter().find_map(folder).with_context(|| {
            format!("{}: the demo needs a folder to put frames into", options.config.display())
        })?;
        let kafka = Kafka::set(options.brokers.as_deref(), options.cameras, policy).await?;
        let dead_letter_topic = policy.ingest.iter().find_map(|ingest| ingest.dead_letter.clone());
        let in_folder = |name: &str| options.folder.join(name);
        let stage = Self {
            kafka,
            dead_letter_topic,
            acknowledged: in_folder("acknowledged.jsonl"),
            results,
            drops,
            summary: in_folder("summary.json"),
            log: in_folder("log.txt"),
            bucket_name,
            bucket,
        };
        stage.clear(&options.folder)?;
        Ok((stage, document))
    }

    fn clear(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for path in [&self.acknowledged, &self.results, &self.drops, &self.summary] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| path.display().to_string());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What the cameras do.
    pub fn cameras(&self, options: &Options) -> camera::Options {
        camera::Options {
            clips: options.clips.iter().cloned().map(Into::into).collect(),
            bucket: self.bucket.clone().into(),
            s3: camera::S3Target::default(),
            bucket_name: self.bucket_name.clone(),
            brokers: self.kafka.brokers().to_owned(),
            kafka_security: None,
            topic_prefix: self.kafka.camera_prefix(),
            cameras: options.cameras,
            fps: options.fps,
            seconds: options.seconds,
            frames: None,
            format: camera::RecordFormat::Json,
            burst: Some(BURST),
            acknowledged: Some(self.acknowledged.clone()),
            report: None,
            unique_objects: false,
            keep: None,
            quality: 3,
        }
    }
}
