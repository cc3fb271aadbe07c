//! When requests of an open load are due.

use std::{path::Path, time::Duration};

use anyhow::Result;
use framegate::simulate::recording;
use framegate_proto::v1::PredictRequest;

use crate::requests::InTurn;

/// When each request is due since the beginning, in order.
pub type Arrivals = Box<dyn Iterator<Item = Duration> + Send>;

/// How requests come, forever.
#[derive(Debug, Clone, Copy)]
pub enum Pattern {
    /// A Poisson process.
    ByChance { rate: f64, seed: u64 },
    /// At even distances.
    Even { rate: f64 },
    /// Several at once.
    Bursts { size: u32, every: Duration },
}

impl Pattern {
    /// Whether time passes with it.
    pub fn is_valid(self) -> bool {
        match self {
            Self::ByChance { rate, .. } | Self::Even { rate } => rate.is_finite() && rate >= 1e-3,
            Self::Bursts { size, every } => size > 0 && !every.is_zero(),
        }
    }

    /// When each request is due.
    pub fn due(self) -> Arrivals {
        match self {
            Self::ByChance { rate, seed } => {
                let (mut chance, mut at) = (fastrand::Rng::with_seed(seed), 0.0);
                Box::new(std::iter::repeat_with(move || {
                    at -= (1.0 - chance.f64()).ln() / rate;
                    Duration::from_secs_f64(at)
                }))
            }
            Self::Even { rate } => {
                Box::new((0_u64..).map(move |number| Duration::from_secs_f64(number as f64 / rate)))
            }
            Self::Bursts { size, every } => {
                let each = move |burst| std::iter::repeat_n(every * burst, size as usize);
                Box::new((0_u32..).flat_map(each))
            }
        }
    }
}

/// The requests of a recording as they came, and when each is due.
///
/// # Errors
/// When it cannot be read; with the line.
pub fn recorded(path: &Path, requests: &InTurn) -> Result<(Vec<Duration>, Vec<PredictRequest>)> {
    let frames = recording::read(path)?.into_iter().zip(0..);
    let mut arrivals: Vec<_> = frames
        .map(|((due, frame), number)| (due, requests.named(number, &frame.camera_id, frame.models)))
        .collect();
    arrivals.sort_by_key(|(due, _)| *due);
    Ok(arrivals.into_iter().unzip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(pattern: Pattern, seconds: u64) -> Vec<Duration> {
        pattern.due().take_while(|due| *due < Duration::from_secs(seconds)).collect()
    }

    #[test]
    fn as_many_come_as_are_asked_for() {
        let by_chance = within(Pattern::ByChance { rate: 1000.0, seed: 7 }, 10);
        assert!((9_700..10_300).contains(&by_chance.len()), "{}", by_chance.len());
        assert!(by_chance.is_sorted());
        assert_eq!(by_chance, within(Pattern::ByChance { rate: 1000.0, seed: 7 }, 10));
        assert_eq!(within(Pattern::Even { rate: 50.0 }, 2).len(), 100);
        let bursts = Pattern::Bursts { size: 150, every: Duration::from_millis(100) };
        let due = within(bursts, 40);
        assert_eq!(
            (due.len(), due[149], due[150]),
            (60_000, Duration::ZERO, Duration::from_millis(100))
        );
    }

    #[test]
    fn a_recording_is_played_as_it_was() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let lines = "{\"at\": 2.5, \"camera_id\": \"b\", \"models\": [\"m\"]}\n\
                     {\"at\": 0.5, \"camera_id\": \"a\", \"models\": []}\n";
        std::fs::write(file.path(), lines).expect("it is written");
        let requests = InTurn::new("frames:{frame}.jpg".to_owned(), 1, 1, vec![]);
        let (due, asked) = recorded(file.path(), &requests).expect("a recording");
        let cameras = asked.iter().map(|it| it.frame.as_ref().map(|it| &*it.camera_id));
        assert!(cameras.eq([Some("a"), Some("b")]));
        assert_eq!(due, [500, 2500].map(Duration::from_millis));
    }
}
