use std::{sync::Arc, time::SystemTime};

use framegate_batcher::Origin;
use framegate_replica::Answer;

use super::{Board, Camera, Latest, PairEnd, Passed, Tally};
use crate::intake::FrameRequest;

/// What is noted of a request's answers besides their number: for which camera they are, how old
/// the frame was, and the results themselves while somebody watches. Made once for a request.
pub struct Passage {
    camera: Option<Arc<Camera>>,
    camera_id: Option<Arc<str>>,
    captured_at: Option<SystemTime>,
    origin: Origin,
    latest: Arc<Latest>,
}

impl Passage {
    pub(super) fn new(board: &Board, request: &FrameRequest) -> Self {
        let id = request.camera_id.as_ref();
        let camera = match request.origin {
            Origin::Interactive => id.and_then(|id| board.cameras.frame(id, SystemTime::now())),
            Origin::Ingest => id.and_then(|id| board.cameras.get(id)),
        };
        Self {
            camera,
            camera_id: id.cloned(),
            captured_at: request.captured_at,
            origin: request.origin,
            latest: board.latest.clone(),
        }
    }

    /// Notes the answer of one of its models. An error of a record is none yet, since it may be
    /// tried again: how that ends is noted with its outcome.
    pub fn answered(&self, answer: &Answer, tally: &Tally) {
        match (answer, self.origin) {
            (Ok(served), _) => {
                if let Some(captured_at) = self.captured_at {
                    // A frame from the future is new.
                    let age = SystemTime::now().duration_since(captured_at).unwrap_or_default();
                    tally.frame_age(age);
                }
                self.latest.pass(|| Passed {
                    camera_id: self.camera_id.clone(),
                    captured_at: self.captured_at,
                    served: served.clone(),
                });
                self.ended(PairEnd::Result);
            }
            (Err(_), Origin::Interactive) => self.ended(PairEnd::Error),
            (Err(_), Origin::Ingest) => {}
        }
    }

    fn ended(&self, end: PairEnd) {
        if let Some(camera) = &self.camera {
            camera.ended(end);
        }
    }
}
