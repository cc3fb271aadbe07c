use std::sync::Arc;

use super::clip::Clip;

/// A clip as one camera shows it: from its own place, at the clip's own speed, over and over.
#[derive(Debug)]
pub(super) struct Reel {
    clip: Arc<Clip>,
    /// The clip's frames per second; the camera's own where the clip has none, so that it shows
    /// every frame.
    clip_fps: f64,
    camera_fps: f64,
    /// The first frame it shows, from 0.
    first: usize,
}

impl Reel {
    /// The reel of camera `camera` (from 0) of `cameras`. Cameras take the `clips` in turn, and
    /// those that share one begin spread over its length. `clips` must not be empty.
    pub(super) fn of_camera(
        clips: &[Arc<Clip>],
        camera: usize,
        cameras: usize,
        camera_fps: f64,
    ) -> Self {
        let clip = Arc::clone(&clips[camera % clips.len()]);
        let (place, sharing) = (camera / clips.len(), cameras.div_ceil(clips.len()));
        let first = clip.len() * place / sharing;
        Self { clip_fps: clip.fps().unwrap_or(camera_fps), camera_fps, first, clip }
    }

    /// The bucket key of what the camera shows as its frame `n` (from 0).
    pub(super) fn key(&self, n: u64) -> String {
        self.clip.key(self.index(n))
    }

    fn index(&self, n: u64) -> usize {
        let shown = (n as f64 * self.clip_fps / self.camera_fps) as u64;
        let length = self.clip.len() as u64;
        ((self.first as u64 + shown % length) % length) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(frames: usize, fps: Option<f64>) -> Arc<Clip> {
        let files = (1..=frames).map(|number| format!("{number}.jpg")).collect();
        Arc::new(Clip::new("clips/c".to_owned(), files, fps))
    }

    fn shown(reel: &Reel, count: u64) -> Vec<usize> {
        (0..count).map(|n| reel.index(n)).collect()
    }

    #[test]
    fn steps_at_the_speed_of_the_clip_and_loops() {
        let slower = Reel::of_camera(&[clip(5, Some(10.0))], 0, 1, 5.0);
        assert_eq!(shown(&slower, 5), [0, 2, 4, 1, 3]);
        let uneven = Reel::of_camera(&[clip(10, Some(10.0))], 0, 1, 4.0);
        assert_eq!(shown(&uneven, 5), [0, 2, 5, 7, 0]);
        let faster = Reel::of_camera(&[clip(3, Some(5.0))], 0, 1, 10.0);
        assert_eq!(shown(&faster, 7), [0, 0, 1, 1, 2, 2, 0]);
    }

    #[test]
    fn frames_of_a_folder_are_shown_one_by_one() {
        let reel = Reel::of_camera(&[clip(3, None)], 0, 1, 25.0);
        assert_eq!(shown(&reel, 4), [0, 1, 2, 0]);
    }

    #[test]
    fn cameras_share_clips_in_turn_from_different_places() {
        let clips = [clip(100, None), clip(10, None)];
        let reels = [0, 1, 2, 3].map(|camera| Reel::of_camera(&clips, camera, 4, 5.0));
        assert_eq!(
            reels.map(|reel| (reel.clip.len(), reel.first)),
            [(100, 0), (10, 0), (100, 50), (10, 5)]
        );
    }
}
