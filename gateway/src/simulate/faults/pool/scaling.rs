//! How many replicas there are.

use std::cmp::Reverse;

use super::{Pool, PoolEvent, Replica, Scene};
use crate::{
    pool::deciding::{PERIOD, Reading, SHORTEST_PERIOD},
    simulate::faults::{fault::Fault, trace::Happened},
};

impl Pool {
    pub(super) fn decide(&mut self, scene: &mut Scene) {
        let before = self.deciding.desired();
        let decision = self.deciding.decide(Reading {
            now: scene.instant(),
            ongoing: self.queue.ongoing(),
            ongoing_area: self.queue.ongoing_area(),
            turnover: self.queue.turnover(),
            cost: Some(self.plan.takes(1)),
            waiting: 0.0,
            machine_limit: u32::MAX,
        });
        if decision.desired != before {
            let (pool, replicas) = (self.number, decision.desired);
            scene.note(Happened::Desired { pool, replicas });
        }
        if !self.is_stopping {
            self.reconcile(decision.desired, scene);
        }
        (self.turn, self.decided_at, self.hurries) = (self.turn + 1, scene.now, false);
        self.enter(PERIOD, PoolEvent::Decide { turn: self.turn }, scene);
    }

    /// Decides ahead of its time if the queue has crossed the next replica's threshold.
    pub(super) fn hurry(&mut self, scene: &mut Scene) {
        if !self.hurries && self.queue.ongoing() > self.deciding.next_threshold() {
            self.hurries = true;
            let after = (self.decided_at + SHORTEST_PERIOD).saturating_sub(scene.now);
            self.enter(after, PoolEvent::Decide { turn: self.turn }, scene);
        }
    }

    pub(super) fn reconcile(&mut self, desired: u32, scene: &mut Scene) {
        while self.staying() < desired as usize {
            self.started += 1;
            let replica = self.started;
            self.replicas.insert(replica, Replica::default());
            let after = scene.up_to(self.plan.start);
            self.enter(after, PoolEvent::Started { replica }, scene);
        }
        while self.staying() > desired as usize {
            let Some(id) = self.least_useful() else { break };
            self.drain(id, scene);
        }
    }

    /// An operator drains a replica.
    pub(in super::super) fn drain_any(&mut self, scene: &mut Scene) {
        if let Some(id) = self.any(scene) {
            scene.fell(Fault::Drain);
            self.drain(id, scene);
        }
    }

    /// A replica dies with all that it holds.
    pub(in super::super) fn crash_any(&mut self, scene: &mut Scene) {
        if let Some(id) = self.any(scene) {
            scene.fell(Fault::Crash);
            self.crash(id, scene);
        }
    }

    fn any(&self, scene: &mut Scene) -> Option<u64> {
        let staying: Vec<u64> = self.staying_ones().map(|(id, _)| *id).collect();
        scene.chance.choice(&staying).copied()
    }

    fn staying(&self) -> usize {
        self.staying_ones().count()
    }

    fn staying_ones(&self) -> impl Iterator<Item = (&u64, &Replica)> {
        self.replicas.iter().filter(|(_, replica)| !replica.is_leaving)
    }

    /// As in a pool that serves: one that does not run, else the one with the least work, else the
    /// youngest.
    fn least_useful(&self) -> Option<u64> {
        let worth = |(id, replica): &(&u64, &Replica)| {
            let (unstarted, executing) = replica.counts();
            (replica.running.is_some(), unstarted + executing, Reverse(**id))
        };
        self.staying_ones().min_by_key(worth).map(|(id, _)| *id)
    }
}
