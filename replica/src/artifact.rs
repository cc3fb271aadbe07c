//! What a model's folder holds, and what its `model.yaml` may say.

mod decode;
mod nearest;
mod raw;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use self::decode::{Axes, CenterPoints, Decode, OffsetFrom, SizeRule};
pub(crate) use self::nearest::did_you_mean;
use self::raw::RawArtifact;
use crate::frame::InputGeometry;

/// A served model's files: `model.onnx`, `model.yaml` and, where its task has classes, labels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Artifact {
    /// The artifact's own name, for logs.
    pub name: Arc<str>,
    /// Its version, as results carry it.
    pub version: Arc<str>,
    /// The ONNX file.
    pub model: PathBuf,
    /// How a frame becomes the input tensor.
    pub input: InputSpec,
    /// How the output tensors become a result.
    pub task: Task,
}

/// The input tensor: `[N, 3, height, width]` of f32, `(pixel - mean) / std` per channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InputSpec {
    /// The tensor's name in the graph.
    pub tensor: String,
    /// Its size, and how a frame is fitted into it.
    pub geometry: InputGeometry,
    /// The order of its channels.
    pub channels: Channels,
    /// Subtracted, per channel in that order.
    pub mean: [f32; 3],
    /// Divided by, per channel in that order.
    pub std: [f32; 3],
}

/// Order of the colour channels in the input tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// What the model does, with the names of its output tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// `scores [N, classes]` of probabilities, and maybe `embedding [N, D]`.
    Classification {
        /// Name of the output with the probabilities.
        scores: String,
        /// Name of the output with the embedding.
        embedding: Option<String>,
        /// Class names by index.
        labels: Labels,
        /// How many of the best classes are answered.
        top_k: usize,
    },
    /// Objects with their boxes.
    Detection {
        /// How the outputs say where objects may be.
        decode: Decode,
        /// Class names by index.
        labels: Labels,
        /// Lowest score that is answered.
        score_threshold: f32,
        /// Boxes of one class that overlap more than this are one object.
        iou_threshold: f32,
    },
    /// `embedding [N, D]`.
    Embedding {
        /// Name of the output.
        embedding: String,
    },
    /// Outputs as they are, `[N, ...]` of any numbers.
    Tensors {
        /// Names of the outputs, in the order of the answer; none means all that the model has.
        outputs: Vec<String>,
    },
}

/// Class names by index.
pub type Labels = Arc<[Arc<str>]>;

/// Why an artifact cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file of it cannot be read.
    #[error("{}: {source}; an artifact is a folder with model.onnx and model.yaml", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `model.yaml` is not of the known form.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with its line and column where that is known.
        reason: String,
    },
}

impl Artifact {
    /// Reads `model.yaml` and the labels of the artifact in `folder`. Where that is one version of
    /// several, its number is the version, and `model.yaml` need not name one.
    ///
    /// # Errors
    /// When a file is missing or `model.yaml` is not of the known form.
    pub fn read(folder: &Path, number: Option<u64>) -> Result<Self, ArtifactError> {
        let path = folder.join("model.yaml");
        let invalid = |reason: String| ArtifactError::Invalid { path: path.clone(), reason };
        let raw: RawArtifact = serde_saphyr::from_str(&read(&path)?)
            .map_err(|error| invalid(error.without_snippet().to_string()))?;
        let model = folder.join("model.onnx");
        fs::metadata(&model)
            .map_err(|source| ArtifactError::Unreadable { path: model.clone(), source })?;
        let labels = raw.labels.as_ref().map(|file| read_labels(&folder.join(file))).transpose()?;
        let (input, task) = raw.resolve(labels).map_err(invalid)?;
        let written = || raw.version.as_deref().map(Arc::from);
        let version = number.map(|number| number.to_string().into()).or_else(written);
        let version = version
            .ok_or_else(|| invalid("version: is missing; write it, in quotes".to_owned()))?;
        Ok(Self { name: raw.name.into(), version, model, input, task })
    }
}

fn read(path: &Path) -> Result<String, ArtifactError> {
    fs::read_to_string(path)
        .map_err(|source| ArtifactError::Unreadable { path: path.to_owned(), source })
}

fn read_labels(path: &Path) -> Result<Labels, ArtifactError> {
    Ok(read(path)?.trim_end().lines().map(Arc::from).collect())
}

#[cfg(test)]
mod tests;
