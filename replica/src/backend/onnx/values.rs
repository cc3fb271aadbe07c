use ort::{
    session::{Session, SessionOutputs},
    value::{DynValue, Outlet, PrimitiveTensorElementType, TensorElementType, ValueType},
};

use crate::{
    Datatype,
    backend::BackendError,
    task::{Declared, Signature, Tensor, Tensors, Values},
};

/// What a session's model declares.
pub(super) fn signature(session: &Session) -> Signature {
    let declared = |outlets: &[Outlet]| outlets.iter().map(declared).collect();
    Signature { inputs: declared(session.inputs()), outputs: declared(session.outputs()) }
}

/// Output tensors by name, as the tasks read them.
pub(super) struct Outputs<'a, 's>(pub(super) &'a SessionOutputs<'s>);

impl Tensors for Outputs<'_, '_> {
    fn get(&self, name: &str) -> Result<Tensor<'_>, BackendError> {
        let value = self.0.get(name).ok_or_else(|| {
            BackendError(format!("the model has not answered `{name}`, which it declares"))
        })?;
        let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
            return Err(BackendError(format!("`{name}` is no tensor")));
        };
        let shape = shape.iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect();
        let datatype = datatype(*ty).map_err(BackendError)?;
        Ok(Tensor { shape, values: values(value, datatype)? })
    }
}

fn declared(outlet: &Outlet) -> Declared {
    let (datatype, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            (datatype(*ty), shape.iter().map(|side| usize::try_from(*side).ok()).collect())
        }
        _ => (Err("no tensor".to_owned()), Vec::new()),
    };
    Declared { name: outlet.name().to_owned(), datatype, shape }
}

fn datatype(element: TensorElementType) -> Result<Datatype, String> {
    Ok(match element {
        TensorElementType::Float32 => Datatype::Fp32,
        TensorElementType::Float64 => Datatype::Fp64,
        TensorElementType::Int8 => Datatype::Int8,
        TensorElementType::Int16 => Datatype::Int16,
        TensorElementType::Int32 => Datatype::Int32,
        TensorElementType::Int64 => Datatype::Int64,
        TensorElementType::Uint8 => Datatype::Uint8,
        TensorElementType::Uint16 => Datatype::Uint16,
        TensorElementType::Uint32 => Datatype::Uint32,
        TensorElementType::Uint64 => Datatype::Uint64,
        TensorElementType::Bool => Datatype::Bool,
        other => return Err(format!("of {other}")),
    })
}

fn values(value: &DynValue, datatype: Datatype) -> Result<Values<'_>, BackendError> {
    fn of<T: PrimitiveTensorElementType>(value: &DynValue) -> Result<&[T], BackendError> {
        let (_, values) = value.try_extract_tensor::<T>().map_err(super::failed)?;
        Ok(values)
    }
    Ok(match datatype {
        Datatype::Fp32 => Values::Fp32(of(value)?),
        Datatype::Fp64 => Values::Fp64(of(value)?),
        Datatype::Int8 => Values::Int8(of(value)?),
        Datatype::Int16 => Values::Int16(of(value)?),
        Datatype::Int32 => Values::Int32(of(value)?),
        Datatype::Int64 => Values::Int64(of(value)?),
        Datatype::Uint8 => Values::Uint8(of(value)?),
        Datatype::Uint16 => Values::Uint16(of(value)?),
        Datatype::Uint32 => Values::Uint32(of(value)?),
        Datatype::Uint64 => Values::Uint64(of(value)?),
        Datatype::Bool => Values::Bool(of(value)?),
    })
}
