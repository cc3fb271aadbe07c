//! What is asked.

use std::sync::Arc;

use framegate_proto::v1::{FrameReference, PredictRequest, frame_reference::Source};

/// What a gateway is asked.
#[derive(Debug, Clone)]
pub enum Requests {
    InTurn(InTurn),
    /// These, from the first one on.
    Recorded(Arc<[PredictRequest]>),
}

/// Requests that go through frames and cameras in turn.
#[derive(Debug, Clone)]
pub struct InTurn {
    uri: Arc<str>,
    frames: u32,
    cameras: u32,
    models: Arc<[String]>,
}

impl Requests {
    /// The request with this number, which is below the count of recorded ones.
    pub fn get(&self, number: u64) -> PredictRequest {
        match self {
            Self::InTurn(requests) => requests.get(number),
            Self::Recorded(requests) => requests[number as usize].clone(),
        }
    }
}

impl InTurn {
    /// `{frame}` and `{camera}` of the `uri` stand for numbers below `frames` and `cameras`, which
    /// are above zero.
    pub fn new(uri: String, frames: u32, cameras: u32, models: Vec<String>) -> Self {
        Self { uri: uri.into(), frames, cameras, models: models.into() }
    }

    /// The request with this number: cameras ask in turn, and each goes on to the next frame.
    pub fn get(&self, number: u64) -> PredictRequest {
        let camera = number % u64::from(self.cameras);
        let frame = number / u64::from(self.cameras) + camera;
        self.of(number, &format!("camera_{camera}"), camera, frame, self.models.to_vec())
    }

    /// The request with this number, of a camera and for models by their names.
    pub fn named(&self, number: u64, camera_id: &str, models: Vec<String>) -> PredictRequest {
        self.of(number, camera_id, number % u64::from(self.cameras), number, models)
    }

    fn of(
        &self,
        number: u64,
        camera_id: &str,
        camera: u64,
        frame: u64,
        models: Vec<String>,
    ) -> PredictRequest {
        let frame = frame % u64::from(self.frames);
        let uri = self.uri.replace("{frame}", &frame.to_string());
        let uri = uri.replace("{camera}", &camera.to_string());
        let frame = FrameReference {
            source: Some(Source::Uri(uri)),
            camera_id: camera_id.to_owned(),
            sequence: Some(number),
            ..Default::default()
        };
        PredictRequest {
            request_id: number.to_string(),
            frame: Some(frame),
            models,
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_and_frames_take_turns() {
        let requests = InTurn::new("frames:c{camera}/f{frame}.jpg".to_owned(), 3, 2, vec![]);
        let uris = (0..6).map(|number| match requests.get(number).frame.and_then(|it| it.source) {
            Some(Source::Uri(uri)) => uri,
            other => panic!("{other:?}"),
        });
        let expected = ["c0/f0", "c1/f1", "c0/f1", "c1/f2", "c0/f2", "c1/f0"];
        assert!(uris.eq(expected.map(|name| format!("frames:{name}.jpg"))));
    }
}
