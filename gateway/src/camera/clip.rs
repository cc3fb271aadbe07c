use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use tokio::task::spawn_blocking;
use tracing::info;

use super::{clip_name, ffmpeg, store::ClipStore};

/// The bucket's folder of clips.
const CLIPS: &str = "clips";
/// What counts as a frame in a folder of frames, in lower case.
const FRAME_EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The frames of a video or folder as objects in a bucket, which never change.
#[derive(Debug)]
pub(super) struct Clip {
    /// The key of their folder.
    folder: String,
    /// Their file names in it, in order; never empty.
    files: Vec<String>,
    /// Frames per second of the video; absent for a folder of frames.
    fps: Option<f64>,
}

/// Where the frames of a clip come from.
enum Source {
    Video(PathBuf),
    /// The frames of a folder, in order; never empty.
    Frames(Vec<PathBuf>),
}

impl Clip {
    pub(super) fn new(folder: String, files: Vec<String>, fps: Option<f64>) -> Self {
        Self { folder, files, fps }
    }

    /// Writes the frames of `path` into the bucket, or finds them there: what is the same under
    /// the same settings has the same folder, and a folder that is there is whole. Several
    /// processes may do this at once. `quality` is ffmpeg's `-q:v`.
    pub(super) async fn prepare(
        path: &Path,
        store: &ClipStore,
        quality: u8,
    ) -> anyhow::Result<Self> {
        let source = Source::find(path)?;
        let fps = source.frame_rate().await?;
        let folder = format!("{CLIPS}/{}", source.name(path, quality).await?);
        if let Some(names) = store.find(&folder).await? {
            return Ok(Self::new(folder, names, fps));
        }
        let staging = store.staging(&folder)?;
        source.write_to(staging.folder(), quality).await?;
        store.publish(staging, &folder).await?;
        info!(clip = %path.display(), %folder, "a clip was written to the bucket");
        let names = store.find(&folder).await?.context("the bucket lost a clip: run again")?;
        Ok(Self::new(folder, names, fps))
    }

    /// Frames.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Frames per second of the video; absent for a folder of frames.
    pub(super) fn fps(&self) -> Option<f64> {
        self.fps
    }

    /// The bucket key of frame `index`, which must be below [`Clip::len`].
    pub(super) fn key(&self, index: usize) -> String {
        format!("{}/{}", self.folder, self.files[index])
    }
}

impl Source {
    fn find(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("cannot read the clip {}: correct --clip", path.display());
        let path = path.canonicalize().with_context(unreadable)?;
        if !path.is_dir() {
            return Ok(Self::Video(path));
        }
        let frames = frames_of(&path).with_context(unreadable)?;
        ensure!(
            !frames.is_empty(),
            "the folder {} holds no JPEG or PNG frames: correct --clip",
            path.display()
        );
        Ok(Self::Frames(frames))
    }

    async fn frame_rate(&self) -> anyhow::Result<Option<f64>> {
        match self {
            Self::Video(video) => ffmpeg::frame_rate(video).await,
            Self::Frames(_) => Ok(None),
        }
    }

    async fn name(&self, path: &Path, quality: u8) -> anyhow::Result<String> {
        let (files, settings) = match self {
            Self::Video(video) => (vec![video.clone()], ffmpeg::settings(quality)),
            Self::Frames(frames) => (frames.clone(), Vec::new()),
        };
        let digest = spawn_blocking(move || clip_name::digest(&files, &settings)).await?;
        let digest = digest.with_context(|| format!("cannot read the clip {}", path.display()))?;
        Ok(clip_name::clip_name(path, &digest))
    }

    async fn write_to(self, folder: &Path, quality: u8) -> anyhow::Result<()> {
        match self {
            Self::Video(video) => ffmpeg::extract_frames(&video, folder, quality).await,
            Self::Frames(frames) => {
                let folder = folder.to_owned();
                spawn_blocking(move || copy_frames(&frames, &folder)).await?
            }
        }
    }
}

/// The JPEG and PNG files of a folder, sorted by name.
pub(super) fn frames_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut frames: Vec<_> =
        entries.into_iter().filter(|path| extension(path).is_some() && path.is_file()).collect();
    frames.sort_unstable();
    Ok(frames)
}

fn extension(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    FRAME_EXTENSIONS.contains(&extension.as_str()).then_some(extension)
}

/// Copies frames as they are, also broken ones, under the numbers from 1.
fn copy_frames(frames: &[PathBuf], folder: &Path) -> anyhow::Result<()> {
    for (index, frame) in frames.iter().enumerate() {
        let extension = extension(frame).unwrap_or_default();
        let copy = folder.join(format!("{:06}.{extension}", index + 1));
        fs::copy(frame, &copy)
            .with_context(|| format!("cannot copy {} into the bucket", frame.display()))?;
    }
    Ok(())
}
