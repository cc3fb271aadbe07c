use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use crate::frame::{Fit, InputGeometry};

/// A served model's files: `model.onnx`, `model.yaml` and, where its task has classes, labels.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// What the model does, with the names of its output tensors.
#[derive(Debug, Clone)]
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
    /// `boxes [N, A, 4]` as x_min, y_min, x_max, y_max in input pixels; `scores [N, A, classes]`.
    Detection {
        /// Name of the output with the boxes.
        boxes: String,
        /// Name of the output with the scores.
        scores: String,
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
    /// Reads `model.yaml` and the labels of the artifact in `folder`.
    ///
    /// # Errors
    /// When a file is missing or `model.yaml` is not of the known form.
    pub fn read(folder: &Path) -> Result<Self, ArtifactError> {
        let path = folder.join("model.yaml");
        let invalid = |reason: String| ArtifactError::Invalid { path: path.clone(), reason };
        let raw: RawArtifact =
            serde_saphyr::from_str(&read(&path)?).map_err(|error| invalid(error.to_string()))?;
        let model = folder.join("model.onnx");
        fs::metadata(&model)
            .map_err(|source| ArtifactError::Unreadable { path: model.clone(), source })?;
        let labels = raw.labels.as_ref().map(|file| read_labels(&folder.join(file))).transpose()?;
        let input = raw.input.resolve().map_err(invalid)?;
        let task = resolve_task(&raw, labels).map_err(invalid)?;
        Ok(Self { name: raw.name.into(), version: raw.version.into(), model, input, task })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArtifact {
    name: String,
    version: String,
    task: RawTask,
    input: RawInput,
    outputs: RawOutputs,
    labels: Option<PathBuf>,
    top_k: Option<usize>,
    score_threshold: Option<f32>,
    iou_threshold: Option<f32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawTask {
    Classification,
    Detection,
    Embedding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    name: String,
    width: u32,
    height: u32,
    channels: Channels,
    fit: Fit,
    mean: [f32; 3],
    std: [f32; 3],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutputs {
    scores: Option<String>,
    boxes: Option<String>,
    embedding: Option<String>,
}

/// No model looks at more than this; it bounds an input tensor to 192 MiB per frame.
const MAX_INPUT_SIDE: u32 = 4096;

impl RawInput {
    fn resolve(&self) -> Result<InputSpec, String> {
        let sides = 1..=MAX_INPUT_SIDE;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Err(format!("input: width and height must be 1 to {MAX_INPUT_SIDE} pixels"));
        }
        if self.std.contains(&0.0) {
            return Err("input.std: must not hold 0, since pixels are divided by it".to_owned());
        }
        let geometry = InputGeometry { width: self.width, height: self.height, fit: self.fit };
        if !geometry.is_valid() {
            return Err("input.fit: short_side is less than the input's width or height".to_owned());
        }
        let (mean, std) = (self.mean, self.std);
        Ok(InputSpec { tensor: self.name.clone(), geometry, channels: self.channels, mean, std })
    }
}

fn resolve_task(raw: &RawArtifact, labels: Option<Labels>) -> Result<Task, String> {
    let output = |name: &str, value: &Option<String>| {
        value.clone().ok_or_else(|| format!("outputs.{name}: is needed for this task"))
    };
    let labels = || labels.clone().ok_or_else(|| "labels: is needed for this task".to_owned());
    Ok(match raw.task {
        RawTask::Classification => Task::Classification {
            scores: output("scores", &raw.outputs.scores)?,
            embedding: raw.outputs.embedding.clone(),
            labels: labels()?,
            top_k: raw.top_k.unwrap_or(5).max(1),
        },
        RawTask::Detection => Task::Detection {
            boxes: output("boxes", &raw.outputs.boxes)?,
            scores: output("scores", &raw.outputs.scores)?,
            labels: labels()?,
            score_threshold: raw.score_threshold.unwrap_or(0.35),
            iou_threshold: raw.iou_threshold.unwrap_or(0.5),
        },
        RawTask::Embedding => {
            Task::Embedding { embedding: output("embedding", &raw.outputs.embedding)? }
        }
    })
}

fn read(path: &Path) -> Result<String, ArtifactError> {
    fs::read_to_string(path)
        .map_err(|source| ArtifactError::Unreadable { path: path.to_owned(), source })
}

fn read_labels(path: &Path) -> Result<Labels, ArtifactError> {
    Ok(read(path)?.trim_end().lines().map(Arc::from).collect())
}
