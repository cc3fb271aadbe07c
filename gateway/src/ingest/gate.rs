//! When to stop taking records for a while. Pure.

/// Pauses the partitions when something is full and resumes them when it has emptied well below
/// that, because librdkafka throws away what it had fetched of a paused partition.
#[derive(Debug, Default)]
pub struct Gate {
    paused: bool,
}

/// The fill of the pools' ingest share at which to pause and to resume.
const SHARE_HIGH: f64 = 0.75;
const SHARE_LOW: f64 = 0.5;
/// The fill of the records in flight at which to pause and to resume.
const IN_FLIGHT_HIGH: f64 = 1.0;
const IN_FLIGHT_LOW: f64 = 0.75;

impl Gate {
    /// Whether the partitions are to be paused, given how full the ingest's share of the fullest
    /// queue and the records in flight are.
    pub fn decide(&mut self, share: f64, in_flight: f64) -> bool {
        self.paused = if self.paused {
            share > SHARE_LOW || in_flight > IN_FLIGHT_LOW
        } else {
            share >= SHARE_HIGH || in_flight >= IN_FLIGHT_HIGH
        };
        self.paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pauses_high_and_resumes_low() {
        let mut gate = Gate::default();
        let steps = [
            (0.0, 0.0, false),
            (0.74, 0.99, false),
            (0.75, 0.0, true),
            (0.6, 0.0, true),
            (0.5, 0.0, false),
            (0.6, 0.9, false),
            (0.0, 1.0, true),
            (0.0, 0.8, true),
            (0.6, 0.7, true),
            (0.5, 0.75, false),
        ];
        for (step, (share, in_flight, paused)) in steps.into_iter().enumerate() {
            assert_eq!(gate.decide(share, in_flight), paused, "step {step}");
        }
    }
}
