use std::{
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use tokio::time::{Instant, sleep, sleep_until};
use tracing::info;

use super::{
    Pool,
    deciding::{Deciding, PERIOD, Reading, SHORTEST_PERIOD},
    decisions::ReplicaCounts,
    explanation::explain,
};

/// Entries for a model that wait upstream of its queue.
pub type WaitingDemand = Arc<dyn Fn() -> f64 + Send + Sync>;

impl Pool {
    /// Has its share of the machine from now on, and keeps the number of its replicas where the
    /// autoscaler wants it and its queue without what has expired, until it ends.
    pub async fn run(self: Arc<Self>, waiting: WaitingDemand) {
        self.lock().need(self.autoscaling().min_replicas);
        tokio::select! {
            () = self.scale(waiting) => {}
            () = self.queue().expire_due() => {}
        }
    }

    async fn scale(&self, waiting: WaitingDemand) {
        let (policy, now) = (self.autoscaling(), Instant::now());
        let mut deciding = Deciding::starting_with(policy, self.initial, now);
        while !self.ending.is_cancelled() {
            deciding.follow(self.autoscaling());
            self.decide(&mut deciding, waiting());
            let period = Instant::now() + PERIOD;
            tokio::select! {
                () = self.ending.cancelled() => {}
                () = sleep_until(period) => {}
                () = self.crossing(deciding.next_threshold()) => {}
            }
        }
    }

    fn decide(&self, deciding: &mut Deciding, waiting: f64) {
        let before = deciding.desired();
        let mut replicas = self.lock();
        let counts = ReplicaCounts::of(&replicas.view());
        let decision = deciding.decide(Reading {
            now: Instant::now(),
            ongoing: self.queue().ongoing(),
            ongoing_area: self.queue().ongoing_area(),
            turnover: self.queue().turnover(),
            cost: self.spec.cost.per_entry(),
            waiting,
            machine_limit: replicas.machine_limit(self.autoscaling().max_replicas),
        });
        replicas.want(deciding.wanted());
        // A model that could not be read is tried by one replica even if none is wanted: without it
        // no entry is taken, so none would ever be.
        let tries = u32::from(self.spec.facts().is_none());
        replicas.reconcile(decision.desired.max(tries));
        let view = replicas.view();
        drop(replicas);
        self.tell_health();
        self.desired.send_replace(decision.desired);
        if !self.retired.load(Ordering::Relaxed) {
            self.metrics.gauge(&self.snapshot(), &view, decision.desired);
        }
        self.decisions().keep(decision, counts, SystemTime::now());
        if decision.desired != before {
            let (demand, bound) = (decision.demand, decision.bound);
            let why = explain(&decision, &self.autoscaling());
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
