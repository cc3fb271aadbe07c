//! When which camera sends a frame, and for which models.

use std::{iter, sync::Arc, time::Duration};

use super::trace::{Arrivals, Phase, Time};

/// A frame that comes in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrival {
    /// Since the start.
    pub(super) at: Duration,
    /// The camera's number.
    pub(super) camera: u32,
    /// Places of the models in the policy.
    pub(super) models: Arc<[usize]>,
}

/// The frames of these phases, one after the other, at times that follow from the seed.
pub(super) fn arrivals(
    phases: Vec<Phase>,
    models: Vec<Arc<str>>,
    seed: u64,
) -> impl Iterator<Item = Arrival> {
    let mut start = Duration::ZERO;
    phases.into_iter().enumerate().flat_map(move |(number, phase)| {
        let begins = start;
        start += phase.lasts.0;
        let wanted = |name: &Arc<str>| {
            phase.models.as_ref().is_none_or(|only| only.iter().any(|it| **it == **name))
        };
        let places = models.iter().enumerate().filter(|(_, name)| wanted(name));
        let places: Arc<[usize]> = places.map(|(place, _)| place).collect();
        let seed = seed.wrapping_add(number as u64);
        times(&phase, seed).map(move |(at, camera)| Arrival {
            at: begins + at,
            camera,
            models: Arc::clone(&places),
        })
    })
}

/// The times of one phase, since its start, and whose they are.
fn times(phase: &Phase, seed: u64) -> impl Iterator<Item = (Duration, u32)> + use<> {
    let Phase { lasts: Time(lasts), cameras, rate, arrivals, .. } = *phase;
    let (mut chance, mut seconds, mut turn) = (fastrand::Rng::with_seed(seed), 0.0, 0_u64);
    let each = 1.0 / (rate * f64::from(cameras));
    let next = move || {
        if cameras == 0 {
            return None;
        }
        let camera = match arrivals {
            Arrivals::Poisson => {
                seconds -= each * (1.0 - chance.f64()).ln();
                chance.u32(..cameras)
            }
            Arrivals::Even => {
                seconds = turn as f64 * each;
                turn += 1;
                u32::try_from((turn - 1) % u64::from(cameras)).unwrap_or_default()
            }
        };
        let at = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        (at < lasts).then_some((at, camera))
    };
    iter::from_fn(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(arrivals: Arrivals) -> Phase {
        let lasts = Time(Duration::from_secs(100));
        Phase { lasts, cameras: 10, rate: 5.0, arrivals, models: None }
    }

    #[test]
    fn even_cameras_take_turns() {
        let found: Vec<_> = times(&phase(Arrivals::Even), 1).take(12).collect();
        assert_eq!(found[1], (Duration::from_millis(20), 1));
        assert_eq!(found[11], (Duration::from_millis(220), 1));
        assert_eq!(times(&phase(Arrivals::Even), 1).count(), 5000);
    }

    #[test]
    fn chance_keeps_the_rate_and_follows_the_seed() {
        let found: Vec<_> = times(&phase(Arrivals::Poisson), 7).collect();
        assert!((4700..5300).contains(&found.len()), "{}", found.len());
        assert!(found.is_sorted_by_key(|(at, _)| *at));
        assert_eq!(found, times(&phase(Arrivals::Poisson), 7).collect::<Vec<_>>());
        assert_ne!(found, times(&phase(Arrivals::Poisson), 8).collect::<Vec<_>>());
    }

    #[test]
    fn phases_follow_one_another_and_name_their_models() {
        let only = Phase { models: Some(vec!["b".to_owned()]), ..phase(Arrivals::Even) };
        let names = vec!["a".into(), "b".into()];
        let found: Vec<_> = arrivals(vec![phase(Arrivals::Even), only], names, 1).collect();
        assert_eq!(found.len(), 10_000);
        assert_eq!((&*found[0].models, &*found[5000].models), (&[0, 1][..], &[1][..]));
        assert_eq!(found[5000].at, Duration::from_secs(100));
    }
}
