use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};

use super::{did_you_mean, raw::RawOutputs};
use crate::frame::InputGeometry;

/// How a detector's outputs say where objects may be. What of it is answered is the same for all:
/// scores from a threshold on, after non-maximum suppression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Decode {
    /// `boxes [N, A, 4]` as x_min, y_min, x_max, y_max in input pixels; `scores [N, A, classes]`.
    Boxes {
        /// Name of the output with the boxes.
        boxes: String,
        /// Name of the output with the scores.
        scores: String,
    },
    /// A grid of cells, each with the scores of an object whose center lies there.
    CenterPoints(CenterPoints),
}

/// Objects as points ("CenterNet", arXiv 1904.07850; "CenterFace", arXiv 1911.03599).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CenterPoints {
    /// Name of the output `[N, classes, rows, columns]` with the scores.
    pub heatmap: String,
    /// Name of the output `[N, 2, rows, columns]` with the boxes' heights and widths.
    pub scale: String,
    /// Name of the output `[N, 2, rows, columns]` with where in its cell a center lies, in cells.
    pub offset: String,
    /// Name of the output `[N, 2 x points, rows, columns]` with points of the object, as parts of
    /// its box's height and width from the upper left corner.
    pub landmarks: Option<String>,
    /// Pixels of the input for a cell, along both sides.
    pub stride: u32,
    /// Cells from top to bottom.
    pub rows: usize,
    /// Cells from left to right.
    pub columns: usize,
    /// The order of the channels of `scale`, `offset` and each point of `landmarks`.
    pub axes: Axes,
    /// What `scale` holds.
    pub size: SizeRule,
    /// Where `offset` starts.
    pub offset_from: OffsetFrom,
}

/// The order of two channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axes {
    /// Along x, then along y.
    Xy,
    /// Along y, then along x.
    Yx,
}

/// What stands for a box's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeRule {
    /// The natural logarithm of its cells.
    Exponential,
    /// Its cells.
    Linear,
}

/// The point of a cell from which offsets count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetFrom {
    /// Its middle.
    Center,
    /// Its upper left corner.
    Corner,
}

/// In YAML: `boxes`, or `{ center_points: { stride: 4, ... } }`.
#[derive(Clone, Default)]
pub(super) enum RawDecode {
    #[default]
    Boxes,
    CenterPoints(RawCenterPoints),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCenterPoints {
    stride: u32,
    axes: Axes,
    size: SizeRule,
    offset_from: OffsetFrom,
}

const RULES: [&str; 2] = ["boxes", "center_points"];

impl RawDecode {
    pub(super) fn resolve(
        &self,
        outputs: &RawOutputs,
        input: &InputGeometry,
    ) -> Result<Decode, String> {
        match self {
            Self::Boxes => {
                outputs.only(&["boxes", "scores"])?;
                let (boxes, scores) = (outputs.needed("boxes")?, outputs.needed("scores")?);
                Ok(Decode::Boxes { boxes, scores })
            }
            Self::CenterPoints(raw) => raw.resolve(outputs, input).map(Decode::CenterPoints),
        }
    }
}

impl RawCenterPoints {
    fn resolve(&self, outputs: &RawOutputs, input: &InputGeometry) -> Result<CenterPoints, String> {
        let Self { stride, axes, size, offset_from } = *self;
        let divides = |side: u32| stride > 0 && side.is_multiple_of(stride);
        if !divides(input.width) || !divides(input.height) {
            let key = "decode.center_points.stride";
            return Err(format!("{key}: must divide the input's width and height"));
        }
        outputs.only(&["heatmap", "scale", "offset", "landmarks"])?;
        Ok(CenterPoints {
            heatmap: outputs.needed("heatmap")?,
            scale: outputs.needed("scale")?,
            offset: outputs.needed("offset")?,
            landmarks: outputs.optional("landmarks"),
            stride,
            rows: (input.height / stride) as usize,
            columns: (input.width / stride) as usize,
            axes,
            size,
            offset_from,
        })
    }
}

impl<'de> Deserialize<'de> for RawDecode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

/// Takes a rule by its name, and says of another name which one is near.
struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = RawDecode;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a decode rule: boxes, or center_points with its keys")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<RawDecode, E> {
        match name {
            "boxes" => Ok(RawDecode::Boxes),
            "center_points" => {
                Err(E::custom("decode: center_points has keys: stride, axes, size and offset_from"))
            }
            name => Err(unknown(name)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawDecode, A::Error> {
        let name: Option<String> = map.next_key()?;
        let rule = match name.as_deref() {
            Some("center_points") => RawDecode::CenterPoints(map.next_value()?),
            Some("boxes") => return Err(A::Error::custom("decode: boxes has no keys")),
            Some(name) => return Err(unknown(name)),
            None => return Err(A::Error::custom("decode: no rule is named")),
        };
        match map.next_key::<String>()? {
            None => Ok(rule),
            Some(_) => Err(A::Error::custom("decode: a model has one decode rule")),
        }
    }
}

fn unknown<E: Error>(name: &str) -> E {
    E::custom(format!("decode: no rule is called `{name}`; {}", did_you_mean(name, RULES)))
}
