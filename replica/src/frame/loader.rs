//! Loading: from an entry that a replica has claimed to the input of its model.
//!
//! A load passes these gates, always in this order:
//!
//! 1. the frame's *turn*, so that the models of one request share one fetch and one decode;
//! 2. for an object behind a network, one of `concurrent_fetches`, kept until the load has a slot:
//!    so the bytes that came and wait are bounded too;
//! 3. one of `concurrent_loads` *slots*: a slot is one blocking thread and one object's encoded
//!    bytes. With those of gate 2, encoded bytes take at most
//!    `(concurrent_fetches + concurrent_loads) * object_bytes` in all, waiting included;
//! 4. a *permit* of the byte budget, for the decoded pixels.
//!
//! Who holds a slot waits for permits only, and who holds a permit or pins a frame waits for
//! nothing: it is computing in its slot, and is done when its model's input is. So every permit
//! comes back, then every slot, then every fetch (whose tries end by themselves), then every turn,
//! whatever the pools that claimed the entries do meanwhile: no pool can block another, and no slow
//! network holds what decodes. All gates are first in, first out.
//!
//! The bounds may be set anew while it works; loads that have begun keep theirs.
//!
//! A fetch ends when its entry departs, and closes its connection.
//!
//! A load that is dropped while it computes still finishes its step, with all its guards in hand;
//! one that is dropped while it waits leaves its line.

mod fetch;
mod load;
mod stats;

use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use bytes::Bytes;
use framegate_proto::{ErrorCode, ServeError};
use tokio::sync::{Mutex, Semaphore};

pub use self::stats::{Departed, LoaderStats};
use self::{
    fetch::Fetched,
    load::{Load, Progress, blocking},
    stats::Counts,
};
use super::{
    budget::{Budget, Kept},
    decode::Pixels,
    fit::Input,
    geometry::{InputGeometry, Region},
    header::ImageLimits,
    reference::ObjectRef,
};

/// The bounds of loading.
#[derive(Debug, Clone, Copy)]
pub struct LoaderLimits {
    /// Encoded bytes of one frame.
    pub object_bytes: u64,
    /// Size of one frame, from its header.
    pub image: ImageLimits,
    /// Decoded bytes of all frames. A frame larger than this is loaded alone.
    pub frame_bytes: u64,
    /// Objects that are fetched over a network at once; at least 1.
    pub concurrent_fetches: usize,
    /// Frames that are read, decoded or resized at once, each on a thread of its own; at least 1.
    pub concurrent_loads: usize,
}

/// Where a frame's encoded bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// In a bucket.
    Object(ObjectRef),
    /// They came with the request.
    Inline(Bytes),
}

/// Who a frame is loaded for.
pub trait Wanted: Send + 'static {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;

    /// Ends when nobody waits for it any more.
    fn departed(&self) -> impl Future<Output = ()> + Send;
}

/// Loads frames inside the limits. Clones share the byte budget and the slots.
#[derive(Clone)]
pub struct FrameLoader {
    shared: Arc<Shared>,
}

/// A frame of one request, shared by the entries of its models. It holds no pixels until one of
/// them is loaded, and its cached pixels go with it.
pub struct Frame {
    source: Source,
    region: Option<Region>,
    /// What all models of the request want of it.
    inputs: Arc<[InputGeometry]>,
    /// Locked by the load whose turn it is; that is what makes loads share a decode.
    state: Arc<Mutex<FrameState>>,
}

/// What a load made, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The model's input.
    pub input: Input,
    /// How long the steps of this load took.
    pub timings: LoadTimings,
}

/// How long the steps of one load took, without waiting for turns, slots and permits. Zero where
/// another entry's load served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadTimings {
    /// Reading the object.
    pub fetch: Duration,
    /// Decoding it.
    pub decode: Duration,
    /// Cutting and resizing it to the input.
    pub prepare: Duration,
}

struct Shared {
    bounds: RwLock<Bounds>,
    slots: Arc<Semaphore>,
    budget: Budget<Pixels>,
    counts: Counts,
}

/// What may be set while the loader works.
struct Bounds {
    object_bytes: u64,
    image: ImageLimits,
    fetches: Arc<Semaphore>,
}

/// What earlier loads of a frame have left.
enum FrameState {
    Untouched,
    /// Decoded before; the pixels may have been evicted since.
    Decoded(Kept<Pixels>),
    /// The frame itself is at fault, for every model.
    Failed(ServeError),
}

impl FrameLoader {
    /// A loader with a byte budget and slots of its own.
    pub fn new(limits: LoaderLimits) -> Self {
        let slots = gate(limits.concurrent_loads);
        let (budget, counts) = (Budget::new(limits.frame_bytes), Counts::default());
        let bounds = RwLock::new(Bounds::of(&limits, gate(limits.concurrent_fetches)));
        Self { shared: Arc::new(Shared { bounds, slots, budget, counts }) }
    }

    /// Sets other bounds, for loads that begin from now on; the slots stay as many as they are.
    /// Fetches that are under way do not count against a new bound of theirs.
    pub fn set_limits(&self, limits: LoaderLimits) {
        let mut bounds = self.shared.bounds.write().unwrap_or_else(PoisonError::into_inner);
        *bounds = Bounds::of(&limits, gate(limits.concurrent_fetches));
        drop(bounds);
        self.shared.budget.set_limit(limits.frame_bytes);
    }

    /// A frame of one request; nothing is read yet. `inputs` are the geometries of all its models:
    /// the frame is decoded once, at the smallest scale that serves every one of them.
    pub fn frame(
        &self,
        source: Source,
        region: Option<Region>,
        inputs: Arc<[InputGeometry]>,
    ) -> Arc<Frame> {
        let state = Arc::new(Mutex::new(FrameState::Untouched));
        Arc::new(Frame { source, region, inputs, state })
    }

    /// Fetches and decodes the frame, or takes its cached pixels, and makes a model's input of it.
    ///
    /// `entry` is asked before the frame is fetched, before it is decoded and before it is
    /// resized, and a fetch over a network ends when it departs; if it is not wanted, nothing more
    /// is computed and the answer is `None`.
    ///
    /// # Errors
    /// Those of the object, of the image and of the region; also `Internal`, for a panic outside of
    /// a decoder. An error of the frame's own is kept and answered to its other models as well,
    /// without a second fetch; `BucketUnavailable` is not.
    pub async fn load(
        &self,
        frame: &Arc<Frame>,
        geometry: &InputGeometry,
        mut entry: impl Wanted,
    ) -> Result<Option<Loaded>, ServeError> {
        let mut turn = Arc::clone(&frame.state).lock_owned().await;
        let mut to_fetch = matches!(*turn, FrameState::Untouched);
        loop {
            let mut fetched = None;
            if to_fetch && let Some(object) = frame.source.remote() {
                let came = Fetched::of(object, &self.shared, &entry).await;
                fetched = came.map_err(|error| turn.remember(error))?;
                if fetched.is_none() {
                    return Ok(None);
                }
            }
            let slot = Arc::clone(&self.shared.slots).acquire_owned().await;
            let slot = slot.map_err(|_closed| ErrorCode::Internal)?;
            let load = Load::new(&self.shared, frame, *geometry, entry, slot);
            match blocking(move || load.begin(turn, fetched)).await? {
                Progress::Done(loaded) => return Ok(loaded),
                Progress::NeedsPermit(load, turn, encoded) => {
                    let permit = self.shared.budget.claim(encoded.decoding_bytes()).await;
                    return blocking(move || load.decode(turn, encoded, permit)).await;
                }
                // Its pixels were evicted before it had its slot, which it has left.
                Progress::NeedsFetch(back, its_turn) => {
                    (entry, turn, to_fetch) = (back, its_turn, true);
                }
            }
        }
    }

    /// What the loader holds now, and what it has done since its start.
    pub fn stats(&self) -> LoaderStats {
        self.shared.counts.stats(self.shared.budget.stats())
    }
}

fn gate(width: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(width.max(1)))
}

impl Bounds {
    fn of(limits: &LoaderLimits, fetches: Arc<Semaphore>) -> Self {
        Self { object_bytes: limits.object_bytes, image: limits.image, fetches }
    }
}

impl Shared {
    fn object_bytes(&self) -> u64 {
        self.bounds().object_bytes
    }

    fn image(&self) -> ImageLimits {
        self.bounds().image
    }

    fn fetches(&self) -> Arc<Semaphore> {
        Arc::clone(&self.bounds().fetches)
    }

    /// Locked for a copy of a few words, and never across an await.
    fn bounds(&self) -> RwLockReadGuard<'_, Bounds> {
        self.bounds.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// At most `limit` bytes; it may block the thread. None where they are to be fetched.
    fn read(&self, limit: u64) -> Option<Result<Bytes, ServeError>> {
        match self {
            Self::Object(object) => object.read(limit),
            Self::Inline(bytes) if bytes.len() as u64 <= limit => Some(Ok(bytes.clone())),
            Self::Inline(_) => Some(Err(ErrorCode::ObjectTooLarge.into())),
        }
    }

    /// The object, if there is a network in between.
    fn remote(&self) -> Option<&ObjectRef> {
        match self {
            Self::Object(object) if object.is_remote() => Some(object),
            Self::Object(_) | Self::Inline(_) => None,
        }
    }
}

impl FrameState {
    /// Keeps an error that every further try would meet again.
    fn remember(&mut self, error: ServeError) -> ServeError {
        if !error.code.is_transient() && error.code != ErrorCode::Internal {
            *self = Self::Failed(error.clone());
        }
        error
    }
}

#[cfg(test)]
#[path = "tests/loader.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/loader_s3.rs"]
mod tests_s3;
