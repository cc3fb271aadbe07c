use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{Channels, InputSpec, Labels, Task, decode::RawDecode, did_you_mean};
use crate::frame::{Fit, InputGeometry};

/// `model.yaml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArtifact {
    pub(super) name: String,
    /// Needed unless the folder itself is a version.
    pub(super) version: Option<String>,
    task: RawTask,
    input: RawInput,
    outputs: Option<RawOutputs>,
    pub(super) labels: Option<PathBuf>,
    decode: Option<RawDecode>,
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
    Tensors,
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

/// Names of tensors: by what they are to the task, or just those that are wanted.
pub(super) enum RawOutputs {
    Roles(BTreeMap<String, String>),
    List(Vec<String>),
}

/// No model looks at more than this; it bounds an input tensor to 192 MiB per frame.
const MAX_INPUT_SIDE: u32 = 4096;

impl RawArtifact {
    /// The input and the task, or what about them is not valid.
    pub(super) fn resolve(&self, labels: Option<Labels>) -> Result<(InputSpec, Task), String> {
        let input = self.input.resolve()?;
        let labels = || labels.ok_or_else(|| "labels: is needed for this task".to_owned());
        if self.decode.is_some() && !matches!(self.task, RawTask::Detection) {
            return Err("decode: is for the task `detection`".to_owned());
        }
        let task = match self.task {
            RawTask::Classification => self.classification(labels()?)?,
            RawTask::Detection => self.detection(labels()?, &input.geometry)?,
            RawTask::Embedding => {
                let outputs = self.outputs()?;
                outputs.only(&["embedding"])?;
                Task::Embedding { embedding: outputs.needed("embedding")? }
            }
            RawTask::Tensors => Task::Tensors { outputs: self.wanted_tensors()? },
        };
        Ok((input, task))
    }

    fn classification(&self, labels: Labels) -> Result<Task, String> {
        let outputs = self.outputs()?;
        outputs.only(&["scores", "embedding"])?;
        Ok(Task::Classification {
            scores: outputs.needed("scores")?,
            embedding: outputs.optional("embedding"),
            labels,
            top_k: self.top_k.unwrap_or(5).max(1),
        })
    }

    fn detection(&self, labels: Labels, input: &InputGeometry) -> Result<Task, String> {
        if labels.is_empty() {
            return Err("labels: has no line, and a detector has at least one class".to_owned());
        }
        Ok(Task::Detection {
            decode: self.decode.clone().unwrap_or_default().resolve(self.outputs()?, input)?,
            labels,
            score_threshold: self.score_threshold.unwrap_or(0.35),
            iou_threshold: self.iou_threshold.unwrap_or(0.5),
        })
    }

    fn outputs(&self) -> Result<&RawOutputs, String> {
        self.outputs.as_ref().ok_or_else(|| "outputs: is needed for this task".to_owned())
    }

    fn wanted_tensors(&self) -> Result<Vec<String>, String> {
        let names = match &self.outputs {
            None => return Ok(Vec::new()),
            Some(RawOutputs::List(names)) => names,
            Some(RawOutputs::Roles(_)) => {
                return Err("outputs: is a list of tensors for this task: [a, b]".to_owned());
            }
        };
        if names.is_empty() {
            return Err("outputs: is empty; leave it out to answer all outputs".to_owned());
        }
        let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        match twice {
            Some((_, name)) => Err(format!("outputs: `{name}` stands there twice")),
            None => Ok(names.clone()),
        }
    }
}

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

impl RawOutputs {
    /// The tensor that has a role; an error if none has.
    pub(super) fn needed(&self, role: &str) -> Result<String, String> {
        self.optional(role).ok_or_else(|| format!("outputs.{role}: is needed for this task"))
    }

    /// The tensor that has a role.
    pub(super) fn optional(&self, role: &str) -> Option<String> {
        match self {
            Self::Roles(tensors) => tensors.get(role).cloned(),
            Self::List(_) => None,
        }
    }

    /// Checks that there are no other roles than these.
    pub(super) fn only(&self, roles: &[&str]) -> Result<(), String> {
        let Self::Roles(tensors) = self else {
            return Err(format!("outputs: names a tensor for each of {}", roles.join(", ")));
        };
        match tensors.keys().find(|role| !roles.contains(&role.as_str())) {
            Some(role) => {
                let near = did_you_mean(role, roles.iter().copied());
                Err(format!("outputs.{role}: is unknown to this task; {near}"))
            }
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for RawOutputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutputsVisitor)
    }
}

/// Takes both forms; serde's own untagged enums would lose the place of a mistake.
struct OutputsVisitor;

impl<'de> Visitor<'de> for OutputsVisitor {
    type Value = RawOutputs;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("tensors by role ({ scores: a }) or, for the task `tensors`, a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawOutputs, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(RawOutputs::Roles)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawOutputs, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(RawOutputs::List)
    }
}
