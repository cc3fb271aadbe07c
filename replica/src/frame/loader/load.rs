use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use framegate_proto::{ErrorCode, ServeError};
use tokio::{
    sync::{OwnedMutexGuard, OwnedSemaphorePermit},
    task,
};

use super::{Counts, Fetched, Frame, FrameState, LoadTimings, Loaded, Shared, Wanted};
use crate::frame::{
    budget::{Permit, Pinned},
    decode::{Pixels, decode},
    extent::Extent,
    fit::prepare,
    geometry::InputGeometry,
    header::{Header, probe},
};

/// A load in its slot. Its steps block the thread; waiting is the caller's.
pub(super) struct Load<W> {
    shared: Arc<Shared>,
    frame: Arc<Frame>,
    geometry: InputGeometry,
    entry: W,
    timings: LoadTimings,
    _slot: OwnedSemaphorePermit,
}

/// A frame that has been read and waits for leave to be decoded.
pub(super) struct Encoded {
    bytes: Bytes,
    header: Header,
    extent: Extent,
}

/// How far a load came without waiting.
pub(super) enum Progress<W> {
    /// To its end.
    Done(Option<Loaded>),
    /// To the permit, which cannot be had at once.
    NeedsPermit(Load<W>, Turn, Encoded),
    /// Nowhere: the object is behind a network and nobody has fetched it.
    NeedsFetch(W, Turn),
}

/// The right to look after a frame's state.
pub(super) type Turn = OwnedMutexGuard<FrameState>;

impl<W: Wanted> Load<W> {
    pub(super) fn new(
        shared: &Arc<Shared>,
        frame: &Arc<Frame>,
        geometry: InputGeometry,
        entry: W,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let (shared, frame) = (Arc::clone(shared), Arc::clone(frame));
        let timings = LoadTimings::default();
        Self { shared, frame, geometry, entry, timings, _slot: slot }
    }

    /// Everything, if the pixels are cached or a permit is free; else up to the permit.
    /// An object behind a network must have been fetched, unless its pixels are cached.
    pub(super) fn begin(
        mut self,
        mut turn: Turn,
        fetched: Option<Fetched>,
    ) -> Result<Progress<W>, ServeError> {
        match &*turn {
            FrameState::Failed(error) => return Err(error.clone()),
            FrameState::Decoded(kept) => {
                if let Some(pixels) = kept.pin() {
                    drop(turn);
                    Counts::add(&self.shared.counts.shared);
                    return self.prepare(pixels).map(Progress::Done);
                }
            }
            FrameState::Untouched => {}
        }
        if fetched.is_none() && !self.entry.is_wanted() {
            Counts::add(&self.shared.counts.departed_before_fetch);
            return Ok(Progress::Done(None));
        }
        let Some(bytes) = self.take(fetched) else {
            return Ok(Progress::NeedsFetch(self.entry, turn));
        };
        let encoded = bytes.and_then(|bytes| self.probe(bytes));
        let encoded = encoded.map_err(|error| turn.remember(error))?;
        match self.shared.budget.try_claim(encoded.decoding_bytes()) {
            Some(permit) => self.decode(turn, encoded, permit).map(Progress::Done),
            None => Ok(Progress::NeedsPermit(self, turn, encoded)),
        }
    }

    /// What was fetched, or else what can be read here.
    fn take(&mut self, fetched: Option<Fetched>) -> Option<Result<Bytes, ServeError>> {
        if let Some(Fetched { bytes, took, .. }) = fetched {
            self.timings.fetch = took;
            return Some(Ok(bytes));
        }
        let start = Instant::now();
        let read = self.frame.source.read(self.shared.object_bytes());
        self.timings.fetch = start.elapsed();
        read
    }

    fn probe(&self, bytes: Bytes) -> Result<Encoded, ServeError> {
        let header = probe(&bytes, &self.shared.image())?;
        let extent = Extent::needed(&header, self.frame.region, &self.frame.inputs)?;
        Ok(Encoded { bytes, header, extent })
    }

    /// From the permit to the end.
    pub(super) fn decode(
        mut self,
        mut turn: Turn,
        encoded: Encoded,
        permit: Permit<Pixels>,
    ) -> Result<Option<Loaded>, ServeError> {
        if !self.entry.is_wanted() {
            Counts::add(&self.shared.counts.departed_before_decode);
            return Ok(None);
        }
        let start = Instant::now();
        let Encoded { bytes, header, extent } = encoded;
        let pixels = decode(&bytes, &header, extent).map_err(|error| turn.remember(error))?;
        drop(bytes);
        self.timings.decode = start.elapsed();
        self.shared.counts.decoded(matches!(*turn, FrameState::Decoded(_)));
        let (kept, pinned) = permit.keep(pixels, extent.bytes());
        *turn = FrameState::Decoded(kept);
        // The other models need not wait for this one's resizing.
        drop(turn);
        self.prepare(pinned)
    }

    fn prepare(mut self, pixels: Pinned<Pixels>) -> Result<Option<Loaded>, ServeError> {
        if !self.entry.is_wanted() {
            Counts::add(&self.shared.counts.departed_before_prepare);
            return Ok(None);
        }
        let start = Instant::now();
        let input = prepare(&pixels, self.frame.region, &self.geometry)?;
        self.timings.prepare = start.elapsed();
        Ok(Some(Loaded { input, timings: self.timings }))
    }
}

impl Encoded {
    /// What a permit must allow.
    pub(super) fn decoding_bytes(&self) -> u64 {
        self.header.decoding_bytes(&self.extent)
    }
}

/// Runs a step on a thread that may block; its guards go with it, so a step whose caller has gone
/// is still counted until it ends.
pub(super) async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T, ServeError> + Send + 'static,
) -> Result<T, ServeError> {
    task::spawn_blocking(step).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a step of loading a frame ended early");
        Err(ErrorCode::Internal.into())
    })
}
