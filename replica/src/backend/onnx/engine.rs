//! Engines of TensorRT: for which shapes they are built, and what they are kept by.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::OnnxModel;
use crate::{artifact::InputSpec, backend::Execution};

/// The shapes of a model's input that an engine is built for, as ONNX Runtime writes them:
/// `NAME:1x3x224x224`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) least: String,
    pub(super) most: String,
}

impl Profile {
    /// For batches of one to the largest.
    pub(super) fn new(input: &InputSpec, max_batch_size: usize) -> Self {
        let (width, height) = (input.geometry.width, input.geometry.height);
        let of = |batch: usize| format!("{}:{batch}x3x{height}x{width}", input.tensor);
        Self { least: of(1), most: of(max_batch_size) }
    }
}

/// The name of the folder in which engines of this model are kept. An engine serves only what it was
/// made of and with, so it is named by the bytes of the model, the precision, the largest batch, and
/// `made_with`: the versions of what builds it and the device.
///
/// # Errors
/// When the model cannot be read.
pub(super) fn name(model: &OnnxModel, made_with: &str) -> io::Result<String> {
    let OnnxModel { artifact, execution: Execution { precision, .. }, max_batch_size, .. } = model;
    let mut hash = hash_of(&artifact.model)?;
    hash.update(format!("{precision:?} {max_batch_size} {made_with}"));
    let mut name = format!("{}-", artifact.name);
    for byte in hash.finalize().iter().take(8) {
        // A string can always be written to.
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name)
}

fn hash_of(model: &Path) -> io::Result<Sha256> {
    let (mut file, mut hash) = (BufReader::new(File::open(model)?), Sha256::new());
    loop {
        let part = file.fill_buf()?;
        let length = part.len();
        if length == 0 {
            return Ok(hash);
        }
        hash.update(part);
        file.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, sync::Arc};

    use super::*;
    use crate::{
        artifact::{Artifact, Channels, Task},
        backend::{Precision, Provider},
        frame::{Fit, InputGeometry},
    };

    fn input() -> InputSpec {
        let geometry = InputGeometry { width: 320, height: 224, fit: Fit::Stretch };
        let (mean, std) = ([0.0; 3], [1.0; 3]);
        InputSpec { tensor: "image".to_owned(), geometry, channels: Channels::Rgb, mean, std }
    }

    #[test]
    fn engines_are_built_for_one_to_the_largest_batch() {
        let Profile { least, most } = Profile::new(&input(), 16);
        assert_eq!([least.as_str(), &most], ["image:1x3x224x320", "image:16x3x224x320"]);
    }

    #[test]
    fn an_engine_is_found_again_by_the_same_and_by_nothing_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let model = folder.path().join("model.onnx");
        let artifact = Arc::new(Artifact {
            name: "detector".into(),
            version: "1".into(),
            model: model.clone(),
            input: input(),
            task: Task::Tensors { outputs: Vec::new() },
        });
        let of = |precision, max_batch_size| {
            let execution = Execution { providers: vec![Provider::TensorRt], precision };
            OnnxModel { artifact: artifact.clone(), execution, num_threads: 1, max_batch_size }
        };
        let models = [of(Precision::Fp32, 8), of(Precision::Fp16, 8), of(Precision::Fp32, 16)];
        let mut names = HashSet::new();
        for bytes in ["a model", "another"] {
            fs::write(&model, bytes).unwrap();
            for model in &models {
                for made_with in ["10.13 L4", "10.14 L4", "10.13 A10"] {
                    let first = name(model, made_with).unwrap();
                    assert!(first.starts_with("detector-"), "{first}");
                    assert_eq!(name(model, made_with).unwrap(), first);
                    names.insert(first);
                }
            }
        }
        assert_eq!(names.len(), 2 * 3 * 3);
        fs::remove_file(model).unwrap();
        assert!(name(&models[0], "").is_err());
    }
}
