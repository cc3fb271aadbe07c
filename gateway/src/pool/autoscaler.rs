use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Pool,
    decisions::ReplicaCounts,
    explanation::explain,
    scaling::{Inputs, Scaler},
};

/// Entries for a model that wait upstream of its queue.
pub type WaitingDemand = Arc<dyn Fn() -> f64 + Send + Sync>;

/// How often the autoscaler decides.
const PERIOD: Duration = Duration::from_millis(100);
/// How soon it decides again at the earliest, when the queue crosses the next replica's threshold.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

/// Ongoing requests over the last `look_back`, from readings of the pool's running total.
struct LookBack {
    span: Duration,
    readings: VecDeque<(Instant, f64)>,
}

impl LookBack {
    fn new(span: Duration) -> Self {
        Self { span, readings: VecDeque::new() }
    }

    /// Takes a reading of the total of entry-seconds, and answers the average number of entries
    /// since the reading that is just older than the span. Before there are two, `present`.
    fn average(&mut self, now: Instant, area: f64, present: usize) -> f64 {
        self.readings.push_back((now, area));
        while self.readings.get(1).is_some_and(|&(at, _)| at + self.span <= now) {
            self.readings.pop_front();
        }
        match self.readings.front() {
            Some(&(at, before)) if at < now => (area - before) / (now - at).as_secs_f64(),
            _ => present as f64,
        }
    }
}

impl Pool {
    /// Starts replicas and keeps their number where the autoscaler wants it, until `stop`.
    pub async fn scale(self: Arc<Self>, waiting: WaitingDemand, stop: CancellationToken) {
        let mut scaler = Scaler::new(self.model.autoscaling, Instant::now());
        let mut look_back = LookBack::new(self.model.autoscaling.look_back);
        while !stop.is_cancelled() {
            self.decide(&mut scaler, &mut look_back, waiting());
            let period = Instant::now() + PERIOD;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep_until(period) => {}
                () = self.crossing(scaler.next_threshold()) => {}
            }
        }
    }

    fn decide(&self, scaler: &mut Scaler, look_back: &mut LookBack, waiting: f64) {
        let (now, present) = (Instant::now(), self.snapshot().ongoing);
        let before = scaler.desired();
        let mut replicas = self.lock();
        let counts = ReplicaCounts::of(&replicas.view());
        let decision = scaler.decide(Inputs {
            now,
            ongoing: look_back.average(now, self.queue().ongoing_area(), present),
            shed: 0.0,
            waiting,
            cost: self.spec.cost.per_entry(),
            machine_limit: replicas.machine_limit(),
        });
        replicas.reconcile(decision.desired);
        let view = replicas.view();
        drop(replicas);
        self.tell_health();
        self.desired.send_replace(decision.desired);
        self.metrics.gauge(&self.snapshot(), &view, decision.desired);
        self.decisions().keep(decision, counts, SystemTime::now());
        if decision.desired != before {
            let (demand, bound) = (decision.demand, decision.bound);
            let why = explain(&decision, &self.model.autoscaling);
            let desired = decision.desired;
            info!(model = %self.name(), before, desired, demand, ?bound, why, "scaling");
        }
    }

    /// Resolves when the queue crosses the next replica's threshold.
    async fn crossing(&self, threshold: usize) {
        sleep(SHORTEST_PERIOD).await;
        self.queue().demand_above(threshold).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_weighted_by_time() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut look_back = LookBack::new(Duration::from_millis(200));
        assert_eq!(look_back.average(at(0), 0.0, 7), 7.0);
        // 10 entries for 100 ms, then none for 100 ms.
        assert!((look_back.average(at(100), 1.0, 0) - 10.0).abs() < 1e-9);
        assert!((look_back.average(at(200), 1.0, 0) - 5.0).abs() < 1e-9);
        assert!(look_back.average(at(300), 1.0, 0).abs() < 1e-9);
    }
}
