use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a model says about one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ModelOutput {
    /// The best classes.
    Classification(Classification),
    /// Objects found, best first.
    Detections(Vec<Detection>),
    /// A vector that stands for the frame.
    Embedding(Vec<f32>),
    /// The model's outputs as they are.
    Tensors(Vec<OutputTensor>),
}

/// The best classes, best first, and the embedding they were decided on where the model gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// At most `top_k` of the model's classes.
    pub classes: Vec<Class>,
    /// The model's penultimate layer, if its artifact names that output.
    pub embedding: Option<Vec<f32>>,
}

/// One class of a classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Its name in the artifact's labels.
    pub label: Arc<str>,
    /// Its index there.
    pub index: u32,
    /// Probability, 0 to 1.
    pub score: f32,
}

/// One object that a detector found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Its class's name in the artifact's labels.
    pub label: Arc<str>,
    /// Its class's index there.
    pub index: u32,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// Where it is, in pixels of the whole frame.
    pub bounds: Bounds,
    /// Its points, in the model's order; empty for models without any.
    pub landmarks: Vec<Point>,
}

/// A point, in pixels from the frame's upper left corner. It may lie outside of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Columns from the left.
    pub x: f32,
    /// Rows from the top.
    pub y: f32,
}

/// A box by its edges, in pixels from the frame's upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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

/// One output of a model for one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputTensor {
    /// The tensor's name in the graph.
    pub name: Arc<str>,
    /// What its elements are.
    pub datatype: Datatype,
    /// Its sides, without the batch's.
    pub shape: Vec<usize>,
    /// Its elements in row-major order, little-endian.
    pub contents: Bytes,
}

/// What the elements of a tensor are, by the names of the Open Inference Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it: kind and bits")]
pub enum Datatype {
    Fp32,
    Fp64,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bool,
}

/// An element of a tensor, wide enough for any. It is written as a number or as true and false; a
/// float that JSON has no form for as `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Element {
    Single(f32),
    Double(f64),
    Signed(i64),
    Unsigned(u64),
    Bool(bool),
}

impl OutputTensor {
    /// The elements as numbers, in row-major order.
    pub fn elements(&self) -> impl Iterator<Item = Element> {
        self.contents.chunks_exact(self.datatype.bytes()).map(|bytes| self.datatype.element(bytes))
    }
}

impl Datatype {
    /// The name in the Open Inference Protocol, such as `FP32`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Bool => "BOOL",
        }
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Fp32 | Self::Int32 | Self::Uint32 => 4,
            Self::Fp64 | Self::Int64 | Self::Uint64 => 8,
        }
    }

    /// The element of exactly that many little-endian bytes.
    fn element(self, bytes: &[u8]) -> Element {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(wide);
        // Shifting up and down again extends the sign.
        let unused = 64 - 8 * self.bytes();
        match self {
            Self::Fp32 => Element::Single(f32::from_bits(unsigned as u32)),
            Self::Fp64 => Element::Double(f64::from_bits(unsigned)),
            Self::Bool => Element::Bool(unsigned != 0),
            Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64 => {
                Element::Signed((unsigned << unused) as i64 >> unused)
            }
            Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64 => Element::Unsigned(unsigned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_they_were_written() {
        use Datatype::*;
        for (datatype, bytes, element) in [
            (Fp32, 1.5_f32.to_le_bytes().to_vec(), Element::Single(1.5)),
            (Fp64, (-0.1_f64).to_le_bytes().to_vec(), Element::Double(-0.1)),
            (Int8, vec![0xfe], Element::Signed(-2)),
            (Int16, i16::MIN.to_le_bytes().to_vec(), Element::Signed(-32_768)),
            (Int32, (-7_i32).to_le_bytes().to_vec(), Element::Signed(-7)),
            (Int64, i64::MIN.to_le_bytes().to_vec(), Element::Signed(i64::MIN)),
            (Uint8, vec![0xfe], Element::Unsigned(254)),
            (Uint16, vec![1, 2], Element::Unsigned(513)),
            (Uint32, u32::MAX.to_le_bytes().to_vec(), Element::Unsigned(u32::MAX.into())),
            (Uint64, u64::MAX.to_le_bytes().to_vec(), Element::Unsigned(u64::MAX)),
            (Bool, vec![1], Element::Bool(true)),
        ] {
            assert_eq!(datatype.bytes(), bytes.len(), "{}", datatype.name());
            let contents = Bytes::from([bytes.clone(), bytes].concat());
            let tensor = OutputTensor { name: "t".into(), datatype, shape: vec![2], contents };
            assert_eq!(tensor.elements().collect::<Vec<_>>(), [element, element]);
        }
    }
}
