use std::{
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
    look_back::LookBack,
    scaling::{Inputs, Scaler},
    shed::Shed,
};

/// Entries for a model that wait upstream of its queue.
pub type WaitingDemand = Arc<dyn Fn() -> f64 + Send + Sync>;

/// How often the autoscaler decides.
const PERIOD: Duration = Duration::from_millis(100);
/// How soon it decides again at the earliest, when the queue crosses the next replica's threshold.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

impl Pool {
    /// Starts replicas and keeps their number where the autoscaler wants it, until `stop`.
    pub async fn scale(self: Arc<Self>, waiting: WaitingDemand, stop: CancellationToken) {
        let mut scaler = Scaler::new(self.model.autoscaling, Instant::now());
        let mut look_back = LookBack::new(self.model.autoscaling.look_back);
        let mut shed = Shed::new(self.model.autoscaling.look_back);
        while !stop.is_cancelled() {
            self.decide(&mut scaler, &mut look_back, &mut shed, waiting());
            let period = Instant::now() + PERIOD;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep_until(period) => {}
                () = self.crossing(scaler.next_threshold()) => {}
            }
        }
    }

    fn decide(&self, scaler: &mut Scaler, look_back: &mut LookBack, shed: &mut Shed, waiting: f64) {
        let (now, present) = (Instant::now(), self.snapshot().ongoing);
        let ongoing = look_back.average(now, self.queue().ongoing_area(), present);
        let (cost, target) = (self.spec.cost.per_entry(), self.model.autoscaling.target);
        let before = scaler.desired();
        let mut replicas = self.lock();
        let counts = ReplicaCounts::of(&replicas.view());
        let decision = scaler.decide(Inputs {
            now,
            ongoing,
            shed: shed.demand(now, self.queue().turnover(), ongoing, target, cost),
            waiting,
            cost,
            machine_limit: replicas.machine_limit(),
        });
        replicas.want(scaler.wanted());
        // A model that could not be read is tried by one replica even if none is wanted: without it
        // no entry is taken, so none would ever be.
        let tries = u32::from(self.spec.facts().is_none());
        replicas.reconcile(decision.desired.max(tries));
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
