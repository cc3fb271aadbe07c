//! How much of the demand overload has shed, so that no queue shows it. Pure.

use std::time::Duration;

use framegate_batcher::Turnover;
use tokio::time::Instant;

use super::look_back::LookBack;
use crate::policy::Target;

/// What was shed within `look_back`.
///
/// A queue of which entries are shed stays short, however little of the demand is served; so what
/// is ongoing says nothing then of how many replicas are missing. What came in does: the entries
/// that were finished and those that were shed, at the measured cost of an entry. While a pool
/// sheds, it wants as many replicas as that work takes, and so grows to its maximum, or to what
/// suffices, before it goes on shedding. Nothing shed within the look-back asks for nothing, and
/// what came in does not depend on the replicas that there are, so the answer does not swing with
/// them.
///
/// Shed are entries that `latest_only` replaced and those that grew older than `max_frame_age` in
/// the queue ([`Turnover::shed`]); not what `every_nth` leaves out, which nobody wants.
#[derive(Debug)]
pub(super) struct Shed {
    span: Duration,
    shed: LookBack,
    came_in: LookBack,
}

impl Shed {
    pub(super) fn new(look_back: Duration) -> Self {
        let [shed, came_in] = [(); 2].map(|()| LookBack::new(look_back));
        Self { span: look_back, shed, came_in }
    }

    /// The entries that were shed, as demand beside `ongoing` entries: their number, or more if it
    /// takes more until both together ask for the replicas that all that came in needs.
    pub(super) fn demand(
        &mut self,
        now: Instant,
        total: Turnover,
        ongoing: f64,
        target: Target,
        cost: Option<Duration>,
    ) -> f64 {
        let shed_per_second = self.shed.average(now, total.shed as f64, 0);
        let came_in = total.finished + total.shed;
        let per_second = self.came_in.average(now, came_in as f64, 0);
        if shed_per_second <= 0.0 {
            return 0.0;
        }
        let shed = shed_per_second * self.span.as_secs_f64();
        let needed = demand_of_a_rate(target, cost).map_or(0.0, |seconds| per_second * seconds);
        shed.max(needed - ongoing)
    }
}

/// How much demand asks for the replicas that one entry per second keeps busy; unknown before the
/// cost of an entry is.
fn demand_of_a_rate(target: Target, cost: Option<Duration>) -> Option<f64> {
    match target {
        // An entry per second keeps `cost` replicas busy, each of which stands for the target.
        Target::OngoingRequests(target) => cost.map(|cost| cost.as_secs_f64() * target),
        // The demand is multiplied by the cost and divided by this time.
        Target::DrainTime(time) => Some(time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Option<Duration> = Some(Duration::from_millis(200));
    const TARGET: Target = Target::OngoingRequests(16.0);

    /// Runs a pool for a second, in which so many entries are shed and finished each 100 ms, and
    /// answers the last demand beside 22 ongoing ones.
    fn demand(each_tick: Turnover, target: Target, cost: Option<Duration>) -> f64 {
        let start = Instant::now();
        let mut shed = Shed::new(Duration::from_millis(200));
        let ticks = (0..=10u64).map(|tick| {
            let finished = each_tick.finished * tick;
            let total = Turnover { finished, shed: each_tick.shed * tick };
            let now = start + Duration::from_millis(100) * u32::try_from(tick).unwrap();
            shed.demand(now, total, 22.0, target, cost)
        });
        ticks.last().unwrap()
    }

    #[test]
    fn shed_entries_ask_for_the_replicas_that_would_serve_them() {
        let each_tick = Turnover { finished: 1, shed: 19 };
        let replicas =
            |target, per_replica: f64| (22.0 + demand(each_tick, target, COST)) / per_replica;
        // 200 entries come in a second, of 200 ms each: 40 replicas, whatever the target is.
        assert!((replicas(TARGET, 16.0) - 40.0).abs() < 1e-6);
        assert!((replicas(Target::OngoingRequests(2.0), 2.0) - 40.0).abs() < 1e-6);
        let drain = Target::DrainTime(Duration::from_millis(500));
        assert!((replicas(drain, 2.5) - 40.0).abs() < 1e-6);
    }

    #[test]
    fn before_anything_is_measured_they_are_counted() {
        let demand = demand(Turnover { finished: 0, shed: 20 }, TARGET, None);
        assert!((demand - 40.0).abs() < 1e-6, "{demand}");
    }

    #[test]
    fn they_count_at_least_as_many_as_they_are() {
        let each_tick = Turnover { finished: 1, shed: 3 };
        let demand = demand(each_tick, TARGET, Some(Duration::from_millis(1)));
        assert!((demand - 6.0).abs() < 1e-6, "{demand}");
    }

    #[test]
    fn nothing_shed_asks_for_nothing_however_much_is_finished() {
        assert_eq!(demand(Turnover { finished: 100, shed: 0 }, TARGET, COST), 0.0);
    }

    #[test]
    fn it_is_forgotten_after_the_look_back() {
        let start = Instant::now();
        let mut shed = Shed::new(Duration::from_millis(200));
        let mut at = |millis, total| {
            let now = start + Duration::from_millis(millis);
            shed.demand(now, Turnover { finished: 0, shed: total }, 0.0, TARGET, None)
        };
        assert_eq!((at(0, 0), at(100, 10) > 0.0, at(200, 10) > 0.0), (0.0, true, true));
        assert_eq!(at(300, 10), 0.0);
    }
}
