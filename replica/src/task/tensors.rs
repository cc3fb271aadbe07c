use std::sync::Arc;

use bytes::Bytes;

use super::tensor::{Tensor, Tensors};
use crate::{ModelOutput, OutputTensor, backend::BackendError};

/// What the outputs of one entry may take together: a result is sent as one message, and waits in
/// memory until it is.
pub(super) const MAX_ENTRY_BYTES: usize = 16 << 20;

/// The outputs of each entry as they are, in the order of `names`. Nothing is copied before their
/// shapes and sizes are known to be good.
pub(super) fn read(
    tensors: &impl Tensors,
    names: &[String],
    entries: usize,
) -> Result<Vec<ModelOutput>, BackendError> {
    let outputs = names.iter().map(|name| tensors.get(name)).collect::<Result<Vec<_>, _>>()?;
    let mut entry_bytes = 0_usize;
    for (name, output) in names.iter().zip(&outputs) {
        if output.shape.first() != Some(&entries) {
            let shape = &output.shape;
            return Err(BackendError(format!(
                "`{name}` of shape {shape:?} has not {entries} rows"
            )));
        }
        entry_bytes = entry_bytes.saturating_add(bytes_per_entry(output));
    }
    check_size(entry_bytes)?;
    let mut results = vec![Vec::with_capacity(names.len()); entries];
    for (name, output) in names.iter().zip(outputs) {
        split(name, &output, &mut results);
    }
    Ok(results.into_iter().map(ModelOutput::Tensors).collect())
}

/// Refuses outputs above the bound.
pub(super) fn check_size(entry_bytes: usize) -> Result<(), BackendError> {
    if entry_bytes <= MAX_ENTRY_BYTES {
        return Ok(());
    }
    Err(BackendError(format!(
        "the outputs of one frame take {entry_bytes} bytes, and at most {MAX_ENTRY_BYTES} are \
         answered; name fewer in model.yaml: outputs: [a, b]"
    )))
}

fn bytes_per_entry(output: &Tensor) -> usize {
    output.shape[1..].iter().product::<usize>() * output.values.datatype().bytes()
}

/// Gives each entry its row. Each is a copy of its own, so that one that waits long holds no more.
fn split(name: &str, output: &Tensor, results: &mut [Vec<OutputTensor>]) {
    let (name, datatype) = (Arc::from(name), output.values.datatype());
    let (shape, length) = (&output.shape[1..], bytes_per_entry(output));
    let all = output.values.to_le_bytes();
    for (entry, result) in results.iter_mut().enumerate() {
        let contents = Bytes::copy_from_slice(&all[entry * length..(entry + 1) * length]);
        let (name, shape) = (Arc::clone(&name), shape.to_vec());
        result.push(OutputTensor { name, datatype, shape, contents });
    }
}

#[cfg(test)]
mod tests;
