//! How output tensors become results, per task.

// What a model says of itself before it is run.
mod signature;

// What it answers.
mod tensor;

// What is made of that.
mod boxes;
mod center_points;
mod classification;
mod detection;
mod tensors;

use self::{center_points::Grids, detection::Rule, tensor::rows};
pub(crate) use self::{
    signature::{Declared, Signature},
    tensor::{Tensor, Tensors, Values},
};
use crate::{
    ModelOutput,
    artifact::{CenterPoints, Decode, Task},
    backend::BackendError,
    frame::Input,
};

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
        Task::Detection { decode, labels, score_threshold, iou_threshold } => {
            let (score_threshold, iou_threshold) = (*score_threshold, *iou_threshold);
            let rule = Rule { labels, score_threshold, iou_threshold };
            match decode {
                Decode::Boxes { boxes, scores } => {
                    read_boxes(&rule, inputs, tensors, boxes, scores)
                }
                Decode::CenterPoints(points) => read_points(&rule, inputs, tensors, points),
            }
        }
        Task::Embedding { embedding } => {
            let rows = embeddings(tensors, embedding, inputs.len())?;
            Ok(rows.into_iter().map(|row| ModelOutput::Embedding(row.to_vec())).collect())
        }
        Task::Tensors { outputs } => tensors::read(tensors, outputs, inputs.len()),
    }
}

fn read_boxes(
    rule: &Rule,
    inputs: &[&Input],
    tensors: &impl Tensors,
    boxes: &str,
    scores: &str,
) -> Result<Vec<ModelOutput>, BackendError> {
    let boxes = tensors.get(boxes)?;
    let anchors = boxes.shape.get(1).copied().unwrap_or(0);
    let boxes = rows(boxes, inputs.len(), &[anchors, 4])?;
    let scores = rows(tensors.get(scores)?, inputs.len(), &[anchors, rule.labels.len()])?;
    let frames = inputs.iter().zip(boxes).zip(scores);
    let detections = frames.map(|((input, boxes), scores)| {
        rule.detections(&input.mapping, boxes::candidates(rule, boxes, scores))
    });
    Ok(detections.map(ModelOutput::Detections).collect())
}

fn read_points(
    rule: &Rule,
    inputs: &[&Input],
    tensors: &impl Tensors,
    points: &CenterPoints,
) -> Result<Vec<ModelOutput>, BackendError> {
    let entries = inputs.len();
    let grids = |name: &str, channels: usize| {
        rows(tensors.get(name)?, entries, &[channels, points.rows, points.columns])
    };
    let heatmaps = grids(&points.heatmap, rule.labels.len())?;
    let scales = grids(&points.scale, 2)?;
    let offsets = grids(&points.offset, 2)?;
    let landmarks = match &points.landmarks {
        Some(name) => grids(name, center_points::landmark_channels(&tensors.get(name)?)?)?,
        None => vec![&[][..]; entries],
    };
    let frames = inputs.iter().zip(heatmaps).zip(scales).zip(offsets).zip(landmarks);
    let detections = frames.map(|((((input, heatmap), scale), offset), landmarks)| {
        let grids = Grids { heatmap, scale, offset, landmarks };
        let mut found =
            rule.detections(&input.mapping, center_points::candidates(rule, points, &grids));
        for detection in &mut found {
            detection.bounds = center_points::clip(&input.mapping, detection.bounds);
        }
        found
    });
    Ok(detections.map(ModelOutput::Detections).collect())
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
