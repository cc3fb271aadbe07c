use std::time::{Duration, Instant};

use framegate_batcher::Sizing;

use super::Measured;
use crate::{
    backend::{Backend, BackendError},
    frame::{Input, InputGeometry},
};

/// Batches of a size that are timed, beside the first, which does not count: it reserves memory.
const TIMED: usize = 3;

/// Executes batches of blank inputs and says what they cost by their size: the median of [`TIMED`].
/// It ends with the first size that the objective does not allow, so where costs grow with sizes it
/// takes about ten times `latency_slo`.
///
/// # Errors
/// When the backend refuses such a batch: it would refuse it later, too.
pub(super) fn measure(
    backend: &mut dyn Backend,
    geometry: Option<&InputGeometry>,
    sizing: &Sizing,
) -> Result<Measured, BackendError> {
    let mut measured = Vec::new();
    for size in sizing.sizes() {
        let batch = vec![geometry.map(Input::blank); size];
        backend.execute(&batch)?;
        let mut times = [Duration::ZERO; TIMED];
        for took in &mut times {
            let start = Instant::now();
            backend.execute(&batch)?;
            *took = start.elapsed();
        }
        times.sort_unstable();
        let took = times[TIMED / 2];
        measured.push((size, took));
        if !sizing.allows(took) {
            break;
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelOutput;

    /// Counts its batches by their size.
    struct Counting(Vec<usize>);

    impl Backend for Counting {
        #[allow(clippy::disallowed_methods)]
        fn execute(&mut self, batch: &[Option<Input>]) -> Result<Vec<ModelOutput>, BackendError> {
            self.0.push(batch.len());
            std::thread::sleep(Duration::from_millis(4 * batch.len() as u64));
            match batch {
                [Some(input), ..] if input.data.len() != 3 * 2 * 5 => {
                    Err(BackendError("input of another size".to_owned()))
                }
                _ => Ok(Vec::new()),
            }
        }
    }

    #[test]
    fn sizes_are_measured_until_one_is_too_slow() {
        let mut backend = Counting(Vec::new());
        let sizing = Sizing { latency_slo: Duration::from_millis(60), max_batch_size: 64 };
        let geometry = InputGeometry { width: 2, height: 5, fit: crate::frame::Fit::Stretch };
        let measured = measure(&mut backend, Some(&geometry), &sizing).unwrap();
        assert!(measured[0].0 == 1 && measured[0].1 >= Duration::from_millis(4));
        let sizes: std::collections::BTreeSet<_> = backend.0.iter().copied().collect();
        assert!(sizes.contains(&4) && !sizes.contains(&16), "32 ms do not fit twice: {sizes:?}");
        assert_eq!(backend.0[..4], [1; 4]);
    }
}
