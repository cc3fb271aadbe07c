use super::tensors;
use crate::{
    Datatype,
    artifact::{CenterPoints, Decode, InputSpec, Labels, Task, did_you_mean},
    backend::BackendError,
};

/// The tensors that a model declares.
pub(crate) struct Signature {
    pub(crate) inputs: Vec<Declared>,
    pub(crate) outputs: Vec<Declared>,
}

/// A tensor as its model declares it.
pub(crate) struct Declared {
    pub(crate) name: String,
    /// Its elements; otherwise what it is that no result can carry.
    pub(crate) datatype: Result<Datatype, String>,
    /// Its sides, the batch first; `None` where only a run shows it.
    pub(crate) shape: Vec<Option<usize>>,
}

/// A side that a tensor must have.
#[derive(Clone, Copy)]
enum Side {
    /// Of any length; the word is for people.
    Any(&'static str),
    /// Of this length.
    Of(usize),
}

use Side::{Any, Of};

impl Task {
    /// The task with all that this model tells of it, after checking that the model has what
    /// `model.yaml` says of it, as far as it declares it.
    ///
    /// # Errors
    /// When a tensor is missing, of another type or shape, or too large to be answered.
    pub(crate) fn fit(&self, input: &InputSpec, model: &Signature) -> Result<Self, BackendError> {
        model.check_input(input)?;
        match self {
            Self::Classification { scores, embedding, labels, .. } => {
                model.check_scores(scores, labels)?;
                embedding.as_ref().map_or(Ok(()), |name| model.check_floats(name))?;
            }
            Self::Detection { decode: Decode::Boxes { boxes, scores }, labels, .. } => {
                model.check(boxes, &[Any("N"), Any("anchors"), Of(4)])?;
                model.check(scores, &[Any("N"), Any("anchors"), Of(labels.len())])?;
            }
            Self::Detection { decode: Decode::CenterPoints(points), labels, .. } => {
                model.check_center_points(points, labels)?;
            }
            Self::Embedding { embedding } => model.check_floats(embedding)?,
            Self::Tensors { outputs } => {
                return Ok(Self::Tensors { outputs: model.tensors(outputs)? });
            }
        }
        Ok(self.clone())
    }
}

impl Signature {
    fn check_input(&self, input: &InputSpec) -> Result<(), BackendError> {
        let tensor = find(&self.inputs, &input.tensor)?;
        let (width, height) = (input.geometry.width as usize, input.geometry.height as usize);
        tensor.check(&[Any("N"), Of(3), Of(height), Of(width)])?;
        match self.inputs.iter().find(|other| other.name != input.tensor) {
            Some(other) => Err(BackendError(format!(
                "the model also wants `{}`; it must have one input, the image",
                other.name
            ))),
            None => Ok(()),
        }
    }

    fn check(&self, name: &str, sides: &[Side]) -> Result<(), BackendError> {
        find(&self.outputs, name)?.check(sides)
    }

    fn check_floats(&self, name: &str) -> Result<(), BackendError> {
        find(&self.outputs, name)?.check_floats()
    }

    /// One score for each label, however many sides of length 1 there are.
    fn check_scores(&self, name: &str, labels: &Labels) -> Result<(), BackendError> {
        let scores = find(&self.outputs, name)?;
        scores.check_floats()?;
        match scores.entry_length() {
            Some(length) if length != labels.len() => Err(BackendError(format!(
                "the model's `{name}` has {length} values for a frame, and there are {} labels",
                labels.len()
            ))),
            _ => Ok(()),
        }
    }

    fn check_center_points(
        &self,
        points: &CenterPoints,
        labels: &Labels,
    ) -> Result<(), BackendError> {
        let (rows, columns) = (Of(points.rows), Of(points.columns));
        self.check(&points.heatmap, &[Any("N"), Of(labels.len()), rows, columns])?;
        self.check(&points.scale, &[Any("N"), Of(2), rows, columns])?;
        self.check(&points.offset, &[Any("N"), Of(2), rows, columns])?;
        let Some(landmarks) = &points.landmarks else { return Ok(()) };
        self.check(landmarks, &[Any("N"), Any("2 x points"), rows, columns])?;
        match find(&self.outputs, landmarks)?.shape.get(1) {
            Some(Some(channels)) if channels % 2 == 1 => Err(BackendError(format!(
                "the model's `{landmarks}` has {channels} channels, which are no pairs"
            ))),
            _ => Ok(()),
        }
    }

    /// The outputs that are wanted, which is all if none is named.
    fn tensors(&self, wanted: &[String]) -> Result<Vec<String>, BackendError> {
        let all = || self.outputs.iter().map(|output| output.name.clone()).collect();
        let names = if wanted.is_empty() { all() } else { wanted.to_vec() };
        let mut entry_bytes = 0_usize;
        for name in &names {
            let output = find(&self.outputs, name)?;
            let element = output.carried()?.bytes();
            if output.shape.is_empty() {
                return Err(BackendError(format!(
                    "the model's `{name}` has no side for the batch"
                )));
            }
            let bytes = output.entry_length().unwrap_or(0).saturating_mul(element);
            entry_bytes = entry_bytes.saturating_add(bytes);
        }
        tensors::check_size(entry_bytes)?;
        Ok(names)
    }
}

impl Declared {
    fn check(&self, sides: &[Side]) -> Result<(), BackendError> {
        self.check_floats()?;
        let fits = |(side, declared): (&Side, &Option<usize>)| match (side, declared) {
            (Of(wanted), Some(length)) => wanted == length,
            _ => true,
        };
        if self.shape.len() == sides.len() && sides.iter().zip(&self.shape).all(fits) {
            return Ok(());
        }
        let length = |side: &Option<usize>| side.map_or("?".to_owned(), |side| side.to_string());
        let declared: Vec<String> = self.shape.iter().map(length).collect();
        let word = |side: &Side| match side {
            Any(word) => (*word).to_owned(),
            Of(length) => length.to_string(),
        };
        let wanted: Vec<String> = sides.iter().map(word).collect();
        Err(BackendError(format!(
            "the model's `{}` is of shape [{}] where model.yaml and labels want [{}]",
            self.name,
            declared.join(", "),
            wanted.join(", ")
        )))
    }

    fn check_floats(&self) -> Result<(), BackendError> {
        match self.carried()? {
            Datatype::Fp32 => Ok(()),
            other => Err(BackendError(format!(
                "the model's `{}` is of {} where the task wants FP32",
                self.name,
                other.name()
            ))),
        }
    }

    fn carried(&self) -> Result<Datatype, BackendError> {
        self.datatype.clone().map_err(|kind| {
            BackendError(format!("the model's `{}` is {kind}, which no result carries", self.name))
        })
    }

    /// Values for one entry, if they are all declared.
    fn entry_length(&self) -> Option<usize> {
        let sides = self.shape.iter().skip(1);
        sides.copied().try_fold(1, |length: usize, side| length.checked_mul(side?))
    }
}

fn find<'a>(tensors: &'a [Declared], name: &str) -> Result<&'a Declared, BackendError> {
    tensors.iter().find(|tensor| tensor.name == name).ok_or_else(|| {
        let near = did_you_mean(name, tensors.iter().map(|tensor| tensor.name.as_str()));
        BackendError(format!(
            "the model has no tensor `{name}`, which its model.yaml names; {near}"
        ))
    })
}

#[cfg(test)]
mod tests;
