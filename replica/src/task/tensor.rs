use crate::{Datatype, backend::BackendError};

/// An output tensor of a batch.
pub(crate) struct Tensor<'a> {
    /// Sides, the batch first.
    pub(crate) shape: Vec<usize>,
    /// Its values in row-major order, as many as the sides multiply to.
    pub(crate) values: Values<'a>,
}

/// The values of a tensor, of one of the types that results can carry.
#[derive(Clone, Copy)]
pub(crate) enum Values<'a> {
    Fp32(&'a [f32]),
    Fp64(&'a [f64]),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Uint8(&'a [u8]),
    Uint16(&'a [u16]),
    Uint32(&'a [u32]),
    Uint64(&'a [u64]),
    Bool(&'a [bool]),
}

/// Output tensors by name.
pub(crate) trait Tensors {
    /// The tensor called `name`; an error if there is none or no result can carry its type.
    fn get(&self, name: &str) -> Result<Tensor<'_>, BackendError>;
}

impl Values<'_> {
    pub(super) fn datatype(&self) -> Datatype {
        match self {
            Self::Fp32(_) => Datatype::Fp32,
            Self::Fp64(_) => Datatype::Fp64,
            Self::Int8(_) => Datatype::Int8,
            Self::Int16(_) => Datatype::Int16,
            Self::Int32(_) => Datatype::Int32,
            Self::Int64(_) => Datatype::Int64,
            Self::Uint8(_) => Datatype::Uint8,
            Self::Uint16(_) => Datatype::Uint16,
            Self::Uint32(_) => Datatype::Uint32,
            Self::Uint64(_) => Datatype::Uint64,
            Self::Bool(_) => Datatype::Bool,
        }
    }

    /// All values as little-endian bytes.
    pub(super) fn to_le_bytes(self) -> Vec<u8> {
        match self {
            Self::Fp32(values) => encode(values, f32::to_le_bytes),
            Self::Fp64(values) => encode(values, f64::to_le_bytes),
            Self::Int8(values) => encode(values, i8::to_le_bytes),
            Self::Int16(values) => encode(values, i16::to_le_bytes),
            Self::Int32(values) => encode(values, i32::to_le_bytes),
            Self::Int64(values) => encode(values, i64::to_le_bytes),
            Self::Uint8(values) => values.to_vec(),
            Self::Uint16(values) => encode(values, u16::to_le_bytes),
            Self::Uint32(values) => encode(values, u32::to_le_bytes),
            Self::Uint64(values) => encode(values, u64::to_le_bytes),
            Self::Bool(values) => encode(values, |value| [u8::from(value)]),
        }
    }
}

fn encode<T: Copy, const N: usize>(values: &[T], bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().map(|value| bytes(*value)).collect::<Vec<_>>().into_flattened()
}

/// Splits a tensor of f32 into one slice per entry, after checking that each has `sides`.
pub(super) fn rows<'a>(
    tensor: Tensor<'a>,
    entries: usize,
    sides: &[usize],
) -> Result<Vec<&'a [f32]>, BackendError> {
    let Tensor { shape, values: Values::Fp32(values) } = tensor else {
        let name = tensor.values.datatype().name();
        return Err(BackendError(format!("an output is of {name} where the task wants FP32")));
    };
    let length: usize = sides.iter().product();
    let fits = shape.first() == Some(&entries) && values.len() == entries * length;
    if !fits || length == 0 {
        return Err(BackendError(format!(
            "an output is of shape {shape:?} where model.yaml and labels want {entries} x {sides:?}"
        )));
    }
    Ok(values.chunks_exact(length).collect())
}
