//! Cameras against an embedded broker: what they say they sent is what the broker holds.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    ClipSource, Options, RecordFormat, S3Target, Summary, clip::Clip, run, store::ClipStore,
};

/// The topics of two cameras.
const TOPICS: [&str; 2] = ["camera_1", "camera_2"];
/// How long the broker may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker with the topics of two cameras, and a place for files.
struct Site {
    cluster: MockCluster<'static, DefaultProducerContext>,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in TOPICS {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        Self { cluster, folder: tempfile::tempdir().unwrap() }
    }

    fn bucket(&self) -> PathBuf {
        self.folder.path().join("bucket")
    }

    /// Two cameras, without an end.
    fn options(&self, clip: PathBuf) -> Options {
        Options {
            clips: vec![clip.into()],
            bucket: self.bucket().into(),
            s3: S3Target::default(),
            bucket_name: "frames".to_owned(),
            brokers: self.cluster.bootstrap_servers(),
            kafka_security: None,
            topic_prefix: "camera_".to_owned(),
            cameras: 2,
            fps: 50.0,
            seconds: None,
            frames: None,
            format: RecordFormat::Json,
            burst: None,
            acknowledged: Some(self.folder.path().join("acknowledged.jsonl")),
            report: None,
            unique_objects: false,
            keep: None,
            quality: 3,
        }
    }

    /// The lines of the acknowledged file by where the broker put them.
    fn acknowledged(&self) -> BTreeMap<(String, i64), Value> {
        let text = fs::read_to_string(self.folder.path().join("acknowledged.jsonl")).unwrap();
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            ((line["topic"].as_str().unwrap().to_owned(), line["offset"].as_i64().unwrap()), line)
        };
        let lines: BTreeMap<_, _> = text.lines().map(line).collect();
        assert_eq!(lines.len(), text.lines().count(), "a place in a topic was logged twice");
        lines
    }

    /// The first `count` records or some more, once the broker has them.
    fn records(&self, count: usize) -> BTreeMap<(String, i64), Vec<u8>> {
        let consumer = self.consumer();
        let (mut records, began) = (BTreeMap::new(), Instant::now());
        while records.len() < count {
            assert!(began.elapsed() < PATIENCE, "{} of {count} records came", records.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.unwrap();
            assert_eq!(message.key().unwrap(), message.topic().as_bytes());
            let value = message.payload().unwrap().to_vec();
            records.insert((message.topic().to_owned(), message.offset()), value);
        }
        records
    }

    /// Reads the topics from their beginning.
    fn consumer(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", "test");
        let consumer: BaseConsumer = config.create().unwrap();
        let mut topics = TopicPartitionList::new();
        for topic in TOPICS {
            topics.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        }
        consumer.assign(&topics).unwrap();
        consumer
    }

    /// Every acknowledged line is a record of the broker, whose frame is in the bucket, and there
    /// are no other records.
    fn reconcile(&self, summary: &Summary) {
        let acknowledged = self.acknowledged();
        assert_eq!(acknowledged.len() as u64, summary.total.acknowledged);
        let records = self.records(acknowledged.len());
        assert_eq!(stored(&self.consumer()), acknowledged.len());
        for (place, line) in &acknowledged {
            let record: Value = serde_json::from_slice(&records[place]).unwrap();
            for field in ["uri", "camera_id", "captured_at", "sequence"] {
                assert_eq!(line[field], record[field], "{field} at {place:?}");
            }
            assert_eq!(record["camera_id"], json!(place.0));
            let key = record["uri"].as_str().unwrap().strip_prefix("frames:").unwrap();
            assert!(self.bucket().join(key).is_file(), "{key} is not in the bucket");
        }
    }

    /// A folder of three frames, one of them broken.
    fn frames(&self) -> PathBuf {
        let folder = self.folder.path().join("yard");
        fs::create_dir(&folder).unwrap();
        for (name, content) in
            [("b.PNG", "second"), ("a.jpg", "first"), ("c.jpeg", ""), ("notes.txt", "no frame")]
        {
            fs::write(folder.join(name), content).unwrap();
        }
        folder
    }
}

/// How many records the topics hold.
fn stored(consumer: &BaseConsumer) -> usize {
    let end = |topic| consumer.fetch_watermarks(topic, 0, PATIENCE).unwrap().1;
    TOPICS.map(|topic| usize::try_from(end(topic)).unwrap()).iter().sum()
}

/// A video of 10 frames at 5 frames/s, made here. None where ffmpeg is not installed, which a
/// machine that sets `CI=true` may not be.
fn video(folder: &Path) -> Option<PathBuf> {
    let video = folder.join("test card.avi");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=64x48:rate=5:duration=2",
            "-c:v",
            "mjpeg",
        ])
        .arg(&video)
        .status();
    match made {
        Ok(status) => {
            assert!(status.success(), "ffmpeg cannot make a video");
            Some(video)
        }
        Err(error) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "ffmpeg is not installed: {error}"
            );
            tracing::warn!("SKIPPED, ffmpeg is not installed: a test that plays a video");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_at_the_broker_and_in_the_bucket() {
    let site = Site::new();
    let Some(video) = video(site.folder.path()) else { return };
    let summary =
        run(Options { frames: Some(25), ..site.options(video) }, CancellationToken::new(), |_| {})
            .await
            .unwrap();
    assert_eq!(
        (summary.total.produced, summary.total.acknowledged, summary.total.failed),
        (50, 50, 0)
    );
    let per_camera: Vec<_> =
        summary.cameras.iter().map(|it| (it.camera_id.as_str(), it.counts.acknowledged)).collect();
    assert_eq!(per_camera, [("camera_1", 25), ("camera_2", 25)]);
    site.reconcile(&summary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_run_accounts_for_every_frame() {
    let site = Site::new();
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(site.options(site.frames()), stop.clone(), |_| {}));
    tokio::task::block_in_place(|| site.records(20));
    stop.cancel();
    let summary = running.await.unwrap().unwrap();
    assert!(summary.total.acknowledged >= 20);
    assert_eq!((summary.total.acknowledged, summary.total.failed), (summary.total.produced, 0));
    site.reconcile(&summary);
}

/// One frame each: the embedded broker would take a second one before the first is resent, which a
/// real broker refuses from an idempotent producer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_broker_are_retried_without_doubles() {
    let site = Site::new();
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    site.cluster.request_errors(RDKafkaApiKey::Produce, &[error; 5]);
    let options = Options { frames: Some(1), ..site.options(site.frames()) };
    let summary = run(options, CancellationToken::new(), |_| {}).await.unwrap();
    assert_eq!((summary.total.acknowledged, summary.total.failed), (2, 0));
    site.reconcile(&summary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_refuses_is_counted_as_failed() {
    let site = Site::new();
    site.cluster
        .topic_error("camera_2", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        .unwrap();
    let options =
        Options { frames: Some(5), format: RecordFormat::Text, ..site.options(site.frames()) };
    let summary = run(options, CancellationToken::new(), |_| {}).await.unwrap();
    let per_camera: Vec<_> =
        summary.cameras.iter().map(|it| (it.counts.acknowledged, it.counts.failed)).collect();
    assert_eq!(per_camera, [(5, 0), (0, 5)]);
    let first = site.records(5).remove(&("camera_1".to_owned(), 0)).unwrap();
    assert!(first.starts_with(b"frames:clips/yard-") && first.ends_with(b"/000001.jpg"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_their_own_are_objects_and_the_report_says_where_their_records_are() {
    let site = Site::new();
    let report = site.folder.path().join("report.json");
    let options = Options {
        frames: Some(5),
        unique_objects: true,
        keep: Some(Duration::from_secs(60)),
        report: Some(report.clone()),
        ..site.options(site.frames())
    };
    let summary = run(options, CancellationToken::new(), |_| {}).await.unwrap();
    site.reconcile(&summary);
    let uris: std::collections::BTreeSet<_> =
        site.acknowledged().values().map(|line| line["uri"].to_string()).collect();
    assert_eq!(uris.len(), 10, "each frame has its own");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["total"]["acknowledged"], json!(10));
    let place = &report["cameras"][1]["partitions"][0];
    assert_eq!((&place["first_offset"], &place["last_offset"]), (&json!(0), &json!(4)));
}

#[tokio::test]
async fn options_that_do_not_hold_together_are_refused() {
    let site = Site::new();
    let stream = ClipSource::written("rtsp://user:secret@cam/main".into());
    let cases = [
        (Options { keep: Some(PATIENCE), ..site.options(site.frames()) }, "--unique-objects"),
        (Options { clips: vec![stream], ..site.options(site.bucket()) }, "one camera"),
    ];
    for (options, words) in cases {
        let refusal = run(options, CancellationToken::new(), |_| {}).await.unwrap_err().to_string();
        assert!(refusal.contains(words) && !refusal.contains("secret"), "{refusal}");
    }
}

#[tokio::test]
async fn a_clip_is_written_once_however_many_ask() {
    let site = Site::new();
    let (frames, bucket) = (site.frames(), site.bucket());
    let store = ClipStore::Folder(bucket.clone());
    let prepare = || Clip::prepare(&frames, &store, 3);
    let (one, two) = tokio::try_join!(prepare(), prepare()).unwrap();
    let keys = |clip: &Clip| (0..clip.len()).map(|index| clip.key(index)).collect::<Vec<_>>();
    assert_eq!(keys(&one), keys(&two));
    let contents: Vec<_> =
        keys(&one).iter().map(|key| fs::read_to_string(bucket.join(key)).unwrap()).collect();
    assert_eq!(contents, ["first", "second", ""]);
    assert_eq!(fs::read_dir(bucket.join("clips")).unwrap().count(), 1);

    let marker = bucket.join(one.key(0));
    fs::write(&marker, "still the same object").unwrap();
    let again = prepare().await.unwrap();
    assert_eq!(fs::read_to_string(bucket.join(again.key(0))).unwrap(), "still the same object");
}

#[tokio::test]
async fn a_video_keeps_its_rate_and_what_is_none_is_refused() {
    let site = Site::new();
    let Some(video) = video(site.folder.path()) else { return };
    let store = ClipStore::Folder(site.bucket());
    let clip = Clip::prepare(&video, &store, 3).await.unwrap();
    assert_eq!((clip.len(), clip.fps()), (10, Some(5.0)));
    assert!(clip.key(9).starts_with("clips/test_card-") && clip.key(9).ends_with("/000010.jpg"));

    let text = site.folder.path().join("notes.txt");
    fs::write(&text, "no video").unwrap();
    for clip in [text, site.folder.path().join("absent.mp4"), site.folder.path().to_owned()] {
        let refusal = format!("{:#}", Clip::prepare(&clip, &store, 3).await.unwrap_err());
        assert!(refusal.contains(&*clip.to_string_lossy()), "{refusal}");
    }
}
