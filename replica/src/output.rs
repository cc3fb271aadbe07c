use std::sync::Arc;

/// What a model says about one frame.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelOutput {
    /// The best classes.
    Classification(Classification),
    /// Objects found, best first.
    Detections(Vec<Detection>),
    /// A vector that stands for the frame.
    Embedding(Vec<f32>),
}

/// The best classes, best first, and the embedding they were decided on where the model gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// At most `top_k` of the model's classes.
    pub classes: Vec<Class>,
    /// The model's penultimate layer, if its artifact names that output.
    pub embedding: Option<Vec<f32>>,
}

/// One class of a classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name in the artifact's labels.
    pub label: Arc<str>,
    /// Its index there.
    pub index: u32,
    /// Probability, 0 to 1.
    pub score: f32,
}

/// One object that a detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Its class's name in the artifact's labels.
    pub label: Arc<str>,
    /// Its class's index there.
    pub index: u32,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// Where it is, in pixels of the whole frame.
    pub bounds: Bounds,
}

/// A box by its edges, in pixels from the frame's upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Left edge.
    pub x_min: f32,
    /// Upper edge.
    pub y_min: f32,
    /// Right edge.
    pub x_max: f32,
    /// Lower edge.
    pub y_max: f32,
}
