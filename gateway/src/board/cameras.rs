use std::{
    cmp::Reverse,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use dashmap::DashMap;
use tracing::warn;

/// The cameras that frames came in for, by any door, with counts since the gateway started.
///
/// At most `MOST` are counted. Frames of further ones are counted under none until
/// [`Cameras::tidy`] has made room: it forgets those that have sent nothing for `IDLE`, whose
/// counts begin anew when they come back. A client that makes up cameras hides new ones only
/// while it goes on, and costs no further memory and no search.
#[derive(Default)]
pub struct Cameras {
    by_id: DashMap<Arc<str>, Arc<Camera>>,
    uncounted: AtomicU64,
    /// Whether the log has said that there is no room. It says so once: where keys are no cameras,
    /// it is always so.
    told: AtomicBool,
}

/// A camera and its counts.
pub struct Camera {
    /// What frame references and records call it.
    pub id: Arc<str>,
    frames: AtomicU64,
    results: AtomicU64,
    skipped: AtomicU64,
    errors: AtomicU64,
    /// Milliseconds since 1970.
    last_frame_at: AtomicU64,
}

/// A camera's counts at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameraCounts {
    /// Frames that came in for it.
    pub frames: u64,
    /// (frame, model) pairs that ended with a result.
    pub results: u64,
    /// Pairs that were not executed by policy.
    pub skipped: u64,
    /// Pairs that ended with an error.
    pub errors: u64,
    /// When its last frame came in.
    pub last_frame_at: SystemTime,
}

/// How a (frame, model) pair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairEnd {
    /// With a result.
    Result,
    /// By policy, not executed.
    Skipped,
    /// With an error.
    Error,
}

/// The most cameras that are counted at once: about 5 MiB with the longest ids.
pub const MOST: usize = 10_000;

/// Once [`MOST`] cameras are counted, those that sent nothing for so long are forgotten.
pub const IDLE: Duration = Duration::from_secs(60);

impl Cameras {
    /// Counts a frame that came in for a camera. None if there is no room for a further camera.
    pub fn frame(&self, id: &Arc<str>, now: SystemTime) -> Option<Arc<Camera>> {
        let camera = self.get(id).or_else(|| self.add(id));
        match &camera {
            Some(camera) => {
                camera.frames.fetch_add(1, Relaxed);
                camera.last_frame_at.fetch_max(millis(now), Relaxed);
            }
            None => drop(self.uncounted.fetch_add(1, Relaxed)),
        }
        camera
    }

    /// A camera that frames have come in for.
    pub fn get(&self, id: &str) -> Option<Arc<Camera>> {
        self.by_id.get(id).map(|camera| camera.clone())
    }

    /// Those that sent last, first; at most `most`.
    pub fn last_seen(&self, most: usize) -> Vec<Arc<Camera>> {
        let mut cameras: Vec<_> =
            self.by_id.iter().map(|camera| (last_frame(&camera), camera.clone())).collect();
        let order = |(at, camera): &(u64, Arc<Camera>)| (Reverse(*at), camera.id.clone());
        cameras.sort_by_cached_key(order);
        cameras.into_iter().take(most).map(|(_, camera)| camera).collect()
    }

    /// How many are counted.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Frames that were counted under no camera, for want of room.
    pub fn uncounted(&self) -> u64 {
        self.uncounted.load(Relaxed)
    }

    /// Makes room if there is none; to be called every few seconds.
    pub fn tidy(&self, now: SystemTime) {
        if self.count() < MOST {
            return;
        }
        let oldest = millis(now.checked_sub(IDLE).unwrap_or(SystemTime::UNIX_EPOCH));
        self.by_id.retain(|_, camera| last_frame(camera) > oldest);
        if !self.told.swap(true, Relaxed) {
            let (kept, uncounted) = (self.count(), self.uncounted());
            warn!(most = MOST, kept, uncounted, "no room for further cameras, idle ones forgotten");
        }
    }

    /// Threads that add at the same time may exceed [`MOST`] by one each.
    fn add(&self, id: &Arc<str>) -> Option<Arc<Camera>> {
        if self.count() >= MOST {
            return None;
        }
        let camera = self.by_id.entry(id.clone()).or_insert_with(|| Arc::new(Camera::new(id)));
        Some(camera.clone())
    }
}

impl Camera {
    fn new(id: &Arc<str>) -> Self {
        let [frames, results, skipped, errors, last_frame_at] = [const { AtomicU64::new(0) }; 5];
        Self { id: id.clone(), frames, results, skipped, errors, last_frame_at }
    }

    /// One of its frames has ended at one model.
    pub fn ended(&self, end: PairEnd) {
        let count = match end {
            PairEnd::Result => &self.results,
            PairEnd::Skipped => &self.skipped,
            PairEnd::Error => &self.errors,
        };
        count.fetch_add(1, Relaxed);
    }

    /// Its counts now.
    pub fn counts(&self) -> CameraCounts {
        CameraCounts {
            frames: self.frames.load(Relaxed),
            results: self.results.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            errors: self.errors.load(Relaxed),
            last_frame_at: SystemTime::UNIX_EPOCH + Duration::from_millis(last_frame(self)),
        }
    }
}

fn last_frame(camera: &Camera) -> u64 {
    camera.last_frame_at.load(Relaxed)
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn frames_and_pairs_are_counted() {
        let cameras = Cameras::default();
        cameras.frame(&"yard".into(), at(5)).expect("room");
        let yard = cameras.frame(&"yard".into(), at(3)).expect("room");
        yard.ended(PairEnd::Result);
        yard.ended(PairEnd::Skipped);
        yard.ended(PairEnd::Skipped);
        yard.ended(PairEnd::Error);
        let expected =
            CameraCounts { frames: 2, results: 1, skipped: 2, errors: 1, last_frame_at: at(5) };
        assert_eq!(yard.counts(), expected);
    }

    #[test]
    fn those_that_sent_last_come_first() {
        let cameras = Cameras::default();
        for (id, second) in [("a", 1), ("b", 3), ("d", 2), ("c", 2)] {
            cameras.frame(&id.into(), at(second));
        }
        let ids = |most| -> Vec<Arc<str>> {
            cameras.last_seen(most).iter().map(|camera| camera.id.clone()).collect()
        };
        assert_eq!(ids(9), ["b".into(), "c".into(), "d".into(), "a".into()]);
        assert_eq!(ids(1), ["b".into()]);
    }

    #[test]
    fn room_comes_back_when_cameras_fall_silent() {
        let cameras = Cameras::default();
        for number in 0..MOST as u64 {
            cameras.frame(&number.to_string().into(), at(100 + number % 2 * 60));
        }
        assert!(cameras.frame(&"late".into(), at(160)).is_none());
        assert_eq!((cameras.count(), cameras.uncounted()), (MOST, 1));
        assert!(cameras.frame(&"7".into(), at(160)).is_some(), "a known one is counted");
        cameras.tidy(at(160));
        assert_eq!(cameras.count(), MOST / 2);
        assert!(cameras.frame(&"late".into(), at(161)).is_some());
    }
}
