//! How output tensors become results, per task.

mod classification;
mod detection;

use crate::{ModelOutput, artifact::Task, backend::BackendError, frame::Input};

/// An output tensor: its values in row-major order.
pub(crate) struct Tensor<'a> {
    /// Sides, the batch first.
    pub(crate) shape: Vec<usize>,
    /// As many values as the sides multiply to.
    pub(crate) values: &'a [f32],
}

/// Output tensors by name.
pub(crate) trait Tensors {
    /// The tensor called `name`; an error if there is none or it is not of f32.
    fn get(&self, name: &str) -> Result<Tensor<'_>, BackendError>;
}

impl Task {
    /// Names of the output tensors that the task reads.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Classification { scores, embedding, .. } => [Some(scores), embedding.as_ref()],
            Self::Detection { boxes, scores, .. } => [Some(boxes), Some(scores)],
            Self::Embedding { embedding } => [Some(embedding), None],
        };
        names.into_iter().flatten().map(String::as_str)
    }
}

/// Reads the outputs of a batch: one result per input, in order.
pub(crate) fn read(
    task: &Task,
    inputs: &[&Input],
    tensors: &impl Tensors,
) -> Result<Vec<ModelOutput>, BackendError> {
    match task {
        Task::Classification { scores, embedding, labels, top_k } => {
            let scores = rows(tensors.get(scores)?, inputs.len(), &[labels.len()])?;
            let embedding = embedding.as_ref().map(|name| embeddings(tensors, name, inputs.len()));
            Ok(classification::read(&scores, embedding.transpose()?, labels, *top_k))
        }
        Task::Detection { boxes, scores, labels, score_threshold, iou_threshold } => {
            let boxes = tensors.get(boxes)?;
            let anchors = boxes.shape.get(1).copied().unwrap_or(0);
            let boxes = rows(boxes, inputs.len(), &[anchors, 4])?;
            let scores = rows(tensors.get(scores)?, inputs.len(), &[anchors, labels.len()])?;
            let rule = detection::Rule {
                labels,
                score_threshold: *score_threshold,
                iou_threshold: *iou_threshold,
            };
            let frames = inputs.iter().zip(boxes).zip(scores);
            Ok(frames
                .map(|((input, boxes), scores)| rule.read(&input.mapping, boxes, scores))
                .map(ModelOutput::Detections)
                .collect())
        }
        Task::Embedding { embedding } => {
            let rows = embeddings(tensors, embedding, inputs.len())?;
            Ok(rows.into_iter().map(|row| ModelOutput::Embedding(row.to_vec())).collect())
        }
    }
}

fn embeddings<'a>(
    tensors: &'a impl Tensors,
    name: &str,
    entries: usize,
) -> Result<Vec<&'a [f32]>, BackendError> {
    let tensor = tensors.get(name)?;
    let dimensions = tensor.shape.iter().skip(1).product();
    rows(tensor, entries, &[dimensions])
}

/// Splits a tensor into one slice per entry, after checking that each has `sides`.
fn rows<'a>(
    tensor: Tensor<'a>,
    entries: usize,
    sides: &[usize],
) -> Result<Vec<&'a [f32]>, BackendError> {
    let length: usize = sides.iter().product();
    let fits = tensor.shape.first() == Some(&entries) && tensor.values.len() == entries * length;
    if !fits || length == 0 {
        let Tensor { shape, .. } = tensor;
        return Err(BackendError(format!(
            "an output is of shape {shape:?} where model.yaml and labels want {entries} x {sides:?}"
        )));
    }
    Ok(tensor.values.chunks_exact(length).collect())
}
