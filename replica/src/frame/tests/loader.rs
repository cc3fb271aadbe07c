use std::{
    fs, future,
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    task::{self, JoinSet},
    time::timeout,
};

use super::*;
use crate::frame::{bucket::Bucket, geometry::Fit, reference::Buckets, samples};

pub(super) const DETECTOR: InputGeometry =
    InputGeometry { width: 32, height: 32, fit: Fit::Letterbox { fill: [0; 3] } };
pub(super) const CLASSIFIER: InputGeometry =
    InputGeometry { width: 24, height: 24, fit: Fit::CenterCrop { short_side: 28 } };
pub(super) const BOTH: [InputGeometry; 2] = [DETECTOR, CLASSIFIER];

/// What takes longer hangs; nothing here waits for time to pass.
pub(super) const HANG: Duration = Duration::from_secs(60);

/// Decoded bytes of a sample frame of 64 x 48 at the scale that both models need (full).
pub(super) const FRAME_BYTES: u64 = 64 * 48 * 3;

pub(super) fn loader(frame_bytes: u64, concurrent_loads: usize) -> FrameLoader {
    let image = ImageLimits { width: 4000, height: 4000, pixels: 8_000_000 };
    FrameLoader::new(LoaderLimits {
        object_bytes: 1 << 20,
        image,
        frame_bytes,
        concurrent_fetches: 2,
        concurrent_loads,
    })
}

/// An entry that stays.
pub(super) struct Stays;

impl Wanted for Stays {
    fn is_wanted(&self) -> bool {
        true
    }

    async fn departed(&self) {
        future::pending().await
    }
}

/// An entry that is gone after it was asked this often.
struct GoneAfter(AtomicUsize);

impl Wanted for GoneAfter {
    fn is_wanted(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    async fn departed(&self) {
        future::pending().await
    }
}

pub(super) fn inline(loader: &FrameLoader, bytes: Vec<u8>) -> Arc<Frame> {
    loader.frame(Source::Inline(bytes.into()), None, BOTH.into())
}

pub(super) async fn load(
    loader: &FrameLoader,
    frame: &Arc<Frame>,
    geometry: &InputGeometry,
) -> Result<Loaded, ErrorCode> {
    let load = loader.load(frame, geometry, Stays);
    let loaded = timeout(HANG, load).await.expect("a load hangs");
    Ok(loaded.map_err(|error| error.code)?.expect("somebody waits for it"))
}

fn bucket_with(files: &[(&str, &[u8])]) -> (TempDir, Buckets) {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let url = format!("file://{}", folder.path().display());
    (folder, Buckets::new(vec![Bucket::new("b", &url).unwrap()]).unwrap())
}

fn object(loader: &FrameLoader, buckets: &Buckets, uri: &str) -> Arc<Frame> {
    let source = Source::Object(buckets.resolve(uri).unwrap());
    loader.frame(source, None, BOTH.into())
}

#[tokio::test]
async fn the_models_of_a_request_share_one_decode() {
    let loader = loader(8 * FRAME_BYTES, 2);
    let frame = inline(&loader, samples::jpeg(64, 48));
    let (detector, classifier) =
        tokio::join!(load(&loader, &frame, &DETECTOR), load(&loader, &frame, &CLASSIFIER));
    assert_eq!(detector.unwrap().input.data.len(), 32 * 32 * 3);
    let classifier = classifier.unwrap();
    assert_eq!(classifier.input.data.len(), 24 * 24 * 3);
    assert_eq!(classifier.timings.decode, Duration::ZERO);
    let stats = loader.stats();
    assert_eq!((stats.loads, stats.shared, stats.reloads), (1, 1, 0));
    assert_eq!((stats.budget.pinned, stats.budget.cached), (0, FRAME_BYTES));
    drop(frame);
    assert_eq!(loader.stats().budget.cached, 0, "the pixels go with their frame");
    assert_eq!(loader.stats().budget.evictions, 0);
}

#[tokio::test]
async fn an_evicted_frame_is_loaded_again_and_counted() {
    let loader = loader(FRAME_BYTES, 1);
    let frames = [inline(&loader, samples::png(64, 48)), inline(&loader, samples::png(64, 48))];
    let first = load(&loader, &frames[0], &DETECTOR).await.unwrap();
    load(&loader, &frames[1], &DETECTOR).await.unwrap();
    let again = load(&loader, &frames[0], &DETECTOR).await.unwrap();
    assert_eq!(first.input, again.input);
    let stats = loader.stats();
    assert_eq!((stats.loads, stats.reloads, stats.shared), (3, 1, 0));
    assert_eq!(stats.budget.evictions, 2);
}

#[tokio::test]
async fn a_frame_larger_than_the_budget_is_loaded_alone() {
    let loader = loader(FRAME_BYTES - 1, 4);
    let frames: Vec<_> = (0..4).map(|_| inline(&loader, samples::jpeg(64, 48))).collect();
    let mut loads = JoinSet::new();
    for frame in frames {
        let loader = loader.clone();
        loads.spawn(async move { load(&loader, &frame, &DETECTOR).await.unwrap() });
    }
    assert_eq!(loads.join_all().await.len(), 4);
    assert_eq!(loader.stats().budget.cached, 0);
}

#[tokio::test]
async fn other_limits_hold_for_loads_to_come() {
    let loader = loader(8 * FRAME_BYTES, 2);
    let code = async |image: ImageLimits, object_bytes, frame_bytes| {
        let (concurrent_fetches, concurrent_loads) = (1, 1);
        loader.set_limits(LoaderLimits {
            object_bytes,
            image,
            frame_bytes,
            concurrent_fetches,
            concurrent_loads,
        });
        let frame = inline(&loader, samples::jpeg(64, 48));
        load(&loader, &frame, &DETECTOR).await.err()
    };
    let wide = ImageLimits { width: 64, height: 48, pixels: 64 * 48 };
    let narrow = ImageLimits { width: 63, ..wide };
    assert_eq!(code(narrow, 1 << 20, FRAME_BYTES).await, Some(ErrorCode::ImageTooLarge));
    assert_eq!(code(wide, 10, FRAME_BYTES).await, Some(ErrorCode::ObjectTooLarge));
    assert_eq!(code(wide, 1 << 20, FRAME_BYTES).await, None);
    let stats = loader.stats().budget;
    assert_eq!((stats.limit, stats.pinned, stats.cached), (FRAME_BYTES, 0, 0));
}

#[tokio::test]
async fn what_a_decoder_needs_besides_is_given_back() {
    let loader = loader(8 * FRAME_BYTES, 0);
    let frame = inline(&loader, samples::progressive_jpeg(64, 48));
    load(&loader, &frame, &DETECTOR).await.unwrap();
    let budget = loader.stats().budget;
    assert_eq!((budget.pinned, budget.cached), (0, FRAME_BYTES));
}

#[tokio::test]
async fn the_frame_s_own_errors_are_kept_for_its_other_models() {
    let whole = samples::jpeg(64, 48);
    let (folder, buckets) = bucket_with(&[
        ("cut.jpg", &whole[..whole.len() / 2]),
        ("text.jpg", b"this is no image"),
        ("huge.jpg", &samples::jpeg_claiming(60_000, 60_000)),
        ("heavy.jpg", &[0; (1 << 20) + 1]),
    ]);
    let loader = loader(8 * FRAME_BYTES, 2);
    for (name, code) in [
        ("cut.jpg", ErrorCode::FrameUndecodable),
        ("text.jpg", ErrorCode::FrameUndecodable),
        ("huge.jpg", ErrorCode::ImageTooLarge),
        ("heavy.jpg", ErrorCode::ObjectTooLarge),
        ("none.jpg", ErrorCode::ObjectNotFound),
    ] {
        let frame = object(&loader, &buckets, &format!("b:{name}"));
        assert_eq!(load(&loader, &frame, &DETECTOR).await, Err(code), "{name}");
        fs::write(folder.path().join(name), &whole).unwrap();
        assert_eq!(load(&loader, &frame, &CLASSIFIER).await, Err(code), "{name} is read again");
    }
    assert_eq!(loader.stats().budget.pinned + loader.stats().budget.cached, 0);
}

#[tokio::test]
async fn an_unavailable_bucket_is_asked_again() {
    let (folder, _) = bucket_with(&[]);
    let later = folder.path().join("later");
    let url = format!("file://{}", later.display());
    let buckets = Buckets::new(vec![Bucket::new("b", &url).unwrap()]).unwrap();
    let loader = loader(8 * FRAME_BYTES, 1);
    let frame = object(&loader, &buckets, "b:a.png");
    assert_eq!(load(&loader, &frame, &DETECTOR).await, Err(ErrorCode::BucketUnavailable));
    fs::create_dir(&later).unwrap();
    fs::write(later.join("a.png"), samples::png(64, 48)).unwrap();
    assert!(load(&loader, &frame, &DETECTOR).await.is_ok());
}

#[tokio::test]
async fn inline_bytes_obey_the_same_limits() {
    let loader = loader(8 * FRAME_BYTES, 1);
    let frame = inline(&loader, vec![0; (1 << 20) + 1]);
    assert_eq!(load(&loader, &frame, &DETECTOR).await, Err(ErrorCode::ObjectTooLarge));
    let region = Region { x: 60, y: 0, width: 5, height: 5 };
    let source = Source::Inline(samples::png(64, 48).into());
    let frame = loader.frame(source, Some(region), BOTH.into());
    assert_eq!(load(&loader, &frame, &DETECTOR).await, Err(ErrorCode::RegionOutsideFrame));
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_computed() {
    let loader = loader(8 * FRAME_BYTES, 1);
    for (asked_before, decoded) in [(0, 0), (1, 0), (2, 1)] {
        let frame = inline(&loader, samples::jpeg(64, 48));
        let entry = GoneAfter(AtomicUsize::new(asked_before));
        let before = loader.stats().loads;
        assert_eq!(loader.load(&frame, &DETECTOR, entry).await, Ok(None));
        assert_eq!(loader.stats().loads - before, decoded);
        // Its other model is served as ever.
        assert!(load(&loader, &frame, &CLASSIFIER).await.is_ok());
    }
    let departed = Departed { before_fetch: 1, in_fetch: 0, before_decode: 1, before_prepare: 1 };
    assert_eq!(loader.stats().departed, departed);
    assert_eq!(loader.stats().shared, 1);
    assert_eq!(loader.stats().budget.pinned, 0);
}

#[tokio::test]
async fn a_large_frame_is_decoded_as_far_as_serves_all_models() {
    let loader = loader(1 << 24, 1);
    let small = [InputGeometry { width: 416, height: 416, fit: Fit::Stretch }, CLASSIFIER];
    // Of the middle alone, where nothing else is looked at.
    for (inputs, width, height) in [(small.to_vec(), 960, 540), (vec![CLASSIFIER], 135, 135)] {
        let source = Source::Inline(samples::jpeg(1920, 1080).into());
        let frame = loader.frame(source, None, inputs.into());
        load(&loader, &frame, &CLASSIFIER).await.unwrap();
        assert_eq!(loader.stats().budget.cached, width * height * 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_load_leaves_nothing_behind() {
    let loader = loader(FRAME_BYTES, 4);
    let hog = loader.shared.budget.try_claim(FRAME_BYTES).unwrap();
    let frame = inline(&loader, samples::jpeg(64, 48));
    let waiting = tokio::spawn({
        let (loader, frame) = (loader.clone(), Arc::clone(&frame));
        async move { load(&loader, &frame, &DETECTOR).await }
    });
    let waits = async {
        while loader.stats().budget.waiters == 0 {
            task::yield_now().await;
        }
    };
    timeout(HANG, waits).await.expect("it does not wait");
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(loader.stats().budget.waiters, 0);
    assert_eq!(loader.shared.slots.available_permits(), 4);
    drop(hog);
    assert!(load(&loader, &frame, &CLASSIFIER).await.is_ok());
}

/// A pool's replica: loads up to `window` entries at once, each followed by `cost` turns of the
/// runtime, which stand for the execution.
async fn replica(
    loader: FrameLoader,
    geometry: InputGeometry,
    mut queue: mpsc::Receiver<Arc<Frame>>,
    (window, cost): (usize, usize),
) -> usize {
    let mut finished = 0;
    let mut batch = Vec::with_capacity(window);
    while queue.recv_many(&mut batch, window).await > 0 {
        let mut loads = JoinSet::new();
        for frame in batch.drain(..) {
            let loader = loader.clone();
            loads.spawn(async move { load(&loader, &frame, &geometry).await.unwrap() });
        }
        finished += loads.join_all().await.len();
        for _ in 0..cost {
            task::yield_now().await;
        }
    }
    finished
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pools_of_different_speed_do_not_block_one_another() {
    const REQUESTS: usize = 500;
    let loader = loader(4 * FRAME_BYTES, 3);
    let (to_detector, detector) = mpsc::channel(REQUESTS);
    let (to_classifier, classifier) = mpsc::channel(REQUESTS);
    for _ in 0..REQUESTS {
        let frame = inline(&loader, samples::jpeg(64, 48));
        to_detector.send(Arc::clone(&frame)).await.unwrap();
        to_classifier.send(frame).await.unwrap();
    }
    drop((to_detector, to_classifier));
    let fast = tokio::spawn(replica(loader.clone(), DETECTOR, detector, (8, 1)));
    let slow = tokio::spawn(replica(loader.clone(), CLASSIFIER, classifier, (3, 50)));
    let both = async { (fast.await.unwrap(), slow.await.unwrap()) };
    let both = timeout(HANG, both).await;
    assert_eq!(both, Ok((REQUESTS, REQUESTS)), "pools blocked: {:?}", loader.stats());
    let stats = loader.stats();
    assert_eq!(stats.loads + stats.shared, 2 * REQUESTS as u64);
    assert_eq!((stats.budget.pinned, stats.budget.cached), (0, 0));
}
