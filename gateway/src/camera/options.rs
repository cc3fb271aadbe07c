use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{
    Args, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use framegate_replica::frame::{S3Location, S3Options};

use super::clip_source::ClipSource;

/// What `framegate camera` plays, where to and how fast.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// A video, a folder of JPEG or PNG frames, or the `rtsp://` or `http://` URL of a stream;
    /// repeatable. Cameras take the clips in turn. A stream is one camera, which keeps the stream's
    /// pace; its frames are objects of their own, as with `--unique-objects`.
    #[arg(long = "clip", value_name = "FILE|FOLDER|URL", required = true)]
    #[arg(value_parser = OsStringValueParser::new().map(ClipSource::written))]
    pub clips: Vec<ClipSource>,
    /// What the frames are written to: the folder of a file bucket, made if missing, or a bucket
    /// on S3 with the credentials of the environment (`AWS_ACCESS_KEY_ID`, …).
    #[arg(long, value_name = "FOLDER|s3://BUCKET[/PREFIX]")]
    #[arg(value_parser = OsStringValueParser::new().try_map(destination))]
    pub bucket: Destination,
    /// How a bucket on S3 is reached.
    #[command(flatten)]
    pub s3: S3Target,
    /// The bucket's configured name; references are sent as `NAME:key`.
    #[arg(long, value_name = "NAME", default_value = "frames")]
    pub bucket_name: String,
    /// Kafka brokers, `HOST:PORT` separated by commas.
    #[arg(long, value_name = "HOST:PORT,…")]
    pub brokers: String,
    /// How the brokers are reached: a YAML file with the keys of a policy's `security`, such as
    /// `tls: {}`.
    #[arg(long, value_name = "FILE")]
    pub kafka_security: Option<PathBuf>,
    /// A camera's topic and id: this and its number, from 1. The topics must exist, or the broker
    /// must make them by itself.
    #[arg(long, value_name = "PREFIX", default_value = "camera_")]
    pub topic_prefix: String,
    /// How many cameras play.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub cameras: u32,
    /// Frames per second of each camera.
    #[arg(long, value_name = "F", default_value_t = 5.0)]
    pub fps: f64,
    /// End after this many seconds; otherwise play until stopped.
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
    /// End each camera after this many frames; otherwise play until stopped.
    #[arg(long, value_name = "N")]
    pub frames: Option<u64>,
    /// How a record's value is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: RecordFormat,
    /// When and how much all cameras speed up.
    #[command(flatten)]
    pub burst: Option<Burst>,
    /// Write a JSON line here for each record that the broker acknowledged, with `topic`,
    /// `partition` and `offset`; the offset is null where the broker did not tell it. Replaces the file.
    #[arg(long, value_name = "FILE")]
    pub acknowledged: Option<PathBuf>,
    /// Write here at the end, as JSON, what was sent and acknowledged: counts, offsets and times of
    /// acknowledgement, of each camera and in total. Replaces the file.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Give each frame an object of its own, which is in the bucket before its reference is sent.
    #[arg(long)]
    pub unique_objects: bool,
    /// Delete such objects when they are older than this, such as `60s`, also those that earlier
    /// cameras with the same `--topic-prefix` left; otherwise they stay.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub keep: Option<Duration>,
    /// JPEG quality of frames taken from videos and streams, as ffmpeg's `-q:v`: 2 (best) to 31.
    #[arg(long, value_name = "Q", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=31))]
    pub quality: u8,
}

impl Options {
    /// Whether any clip is a stream.
    pub(super) fn has_streams(&self) -> bool {
        self.clips.iter().any(|clip| matches!(clip, ClipSource::Stream(_)))
    }
}

/// What the frames are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The folder of a file bucket.
    Folder(PathBuf),
    /// A place on S3.
    S3(S3Location),
}

/// How a bucket on S3 is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct S3Target {
    /// The S3 server, such as http://127.0.0.1:9100; AWS's own if absent.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The bucket's region; us-east-1 if absent.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

impl S3Target {
    /// The rest as by default.
    pub(super) fn options(&self) -> S3Options {
        let usual = S3Options::default();
        let region = self.region.clone().unwrap_or_else(|| usual.region.clone());
        S3Options { endpoint: self.endpoint.clone(), region, ..usual }
    }
}

impl From<PathBuf> for Destination {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

/// How a record's value is written. Its key is the camera's id in either case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// `{"uri", "camera_id", "captured_at", "sequence"}`.
    #[default]
    Json,
    /// The reference alone.
    Text,
}

/// Now and then all cameras speed up together: at `every`, 2 × `every`, …
#[derive(Debug, Clone, Copy, PartialEq, Args)]
pub struct Burst {
    /// Begin a burst this often, such as `20s`.
    #[arg(id = "burst_every", long = "burst-every", value_name = "DURATION", value_parser = duration)]
    #[arg(required = false, requires = "burst_for")]
    pub every: Duration,
    /// How long a burst lasts, such as `500ms`; less than `--burst-every`.
    #[arg(id = "burst_for", long = "burst-for", value_name = "DURATION", value_parser = duration)]
    #[arg(required = false, requires = "burst_every")]
    pub lasts: Duration,
    /// How many times faster the cameras are in a burst.
    #[arg(id = "burst_factor", long = "burst-factor", value_name = "X", default_value_t = 4.0)]
    #[arg(requires = "burst_every")]
    pub factor: f64,
}

fn destination(written: OsString) -> Result<Destination, &'static str> {
    match written.to_str().filter(|text| text.starts_with("s3:")) {
        Some(url) => S3Location::parse(url).map(Destination::S3),
        None => Ok(Destination::Folder(written.into())),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let signed = text
        .parse::<jiff::SignedDuration>()
        .map_err(|_| "write it like 500ms or 20s".to_owned())?;
    Duration::try_from(signed).map_err(|_| "it must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn parse(more: &[&str]) -> Result<Options, clap::Error> {
        let required =
            ["camera", "--clip", "a.avi", "--bucket", "b", "--brokers", "127.0.0.1:9092"];
        Cli::try_parse_from(required.iter().chain(more)).map(|cli| cli.options)
    }

    #[test]
    fn the_least_is_clip_bucket_and_brokers() {
        let options = parse(&[]).unwrap();
        assert_eq!(options.topic_prefix, "camera_");
        assert_eq!(options.format, RecordFormat::Json);
        assert_eq!(options.burst, None);
    }

    #[test]
    fn a_bucket_is_a_folder_or_on_s3() {
        let parse = |bucket: &str| destination(bucket.into());
        assert_eq!(parse("frames/s3"), Ok(Destination::Folder("frames/s3".into())));
        let Ok(Destination::S3(location)) = parse("s3://cams/site1") else { panic!("on S3") };
        assert_eq!(location.url(), "s3://cams/site1");
        assert!(parse("s3://").is_err() && parse("s3:cams").is_err());
    }

    #[test]
    fn a_burst_is_whole_or_absent() {
        let options = parse(&["--burst-every", "20s", "--burst-for", "1500ms"]).unwrap();
        let burst = Burst {
            every: Duration::from_secs(20),
            lasts: Duration::from_millis(1500),
            factor: 4.0,
        };
        assert_eq!(options.burst, Some(burst));
        assert!(parse(&["--burst-every", "20s"]).is_err());
        assert!(parse(&["--burst-for", "2s"]).is_err());
        assert!(parse(&["--burst-factor", "2"]).is_err());
    }

    #[test]
    fn durations_have_units() {
        assert!(duration("20").is_err());
        assert!(duration("-2s").is_err());
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn bounds_are_refused() {
        assert!(parse(&["--cameras", "0"]).is_err());
        assert!(parse(&["--quality", "1"]).is_err());
    }
}
