//! A request, from whichever door it came, and what takes it in.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use framegate_batcher::{Origin, Priority};
use framegate_proto::ErrorCode;
use framegate_replica::{Responder, frame::Region};
use tokio::time::Instant;

/// A frame and what to do with it, from whichever door it came through.
#[derive(Debug, Clone)]
pub struct FrameRequest {
    /// Where the frame is.
    pub source: FrameSource,
    /// The part of it to look at; the whole frame if absent.
    pub region: Option<Region>,
    /// Entries with the same key are served in order, and keys take turns: the camera's id, else
    /// the client's identity.
    pub fairness_key: Arc<str>,
    /// The camera, if the request names one; operators see counts by it.
    pub camera_id: Option<Arc<str>>,
    /// When the frame was captured, if the request says.
    pub captured_at: Option<SystemTime>,
    /// Priority within the pool.
    pub priority: Priority,
    /// Through which kind of door it came, for the shares of the queue.
    pub origin: Origin,
    /// When it is of no more use.
    pub deadline: Option<Instant>,
    /// What passing the deadline means: `DeadlineExceeded` or `FrameTooOld`.
    pub expiry: ErrorCode,
}

/// Where a request's frame is.
#[derive(Debug, Clone)]
pub enum FrameSource {
    /// A reference, not parsed yet.
    Uri(String),
    /// The encoded image itself.
    Inline(Bytes),
}

/// What takes requests in: the pools, seen from a door.
pub trait Intake: Send + Sync + 'static {
    /// Queues the request at each of `models`. `responder` is asked for the responder of each
    /// model, which is called exactly once, possibly before this returns: with the result, or with
    /// whatever kept the entry from one (unknown model, bad reference, full queue, expiry, …).
    /// Nothing cancels the entries later.
    fn admit_detached(
        &self,
        request: &FrameRequest,
        models: &[Arc<str>],
        responder: &mut dyn FnMut(&Arc<str>) -> Responder,
    );

    /// How full the ingest's share of the fullest of these models' queues is, 0 to 1.
    fn ingest_fill(&self, models: &[Arc<str>]) -> f64;
}
