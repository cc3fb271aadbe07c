use std::{cmp::Reverse, sync::Arc};

use framegate_replica::{Placement, ReplicaSpec, ReplicaState, ReplicaStatus};
use futures_util::future::join_all;
use tokio::sync::watch;
use tracing::info;

use super::{
    machine::{Permit, PoolShare},
    slot::Slot,
};
use crate::board::Tally;

/// The replicas of one pool.
pub(super) struct Replicas {
    spec: Arc<ReplicaSpec>,
    machine: PoolShare,
    /// Counts all that a model ever had, for the ids.
    tally: Arc<Tally>,
    /// No more are started.
    stopped: bool,
    slots: Vec<Slot>,
}

/// A replica as operators see it.
#[derive(Debug, Clone)]
pub struct ReplicaView {
    /// Unique in the process: the model's name and a number.
    pub id: Arc<str>,
    /// Where its backend runs.
    pub placement: Placement,
    /// Its state and what it works on.
    pub status: ReplicaStatus,
    /// Why it failed, until it runs again; for operators.
    pub failure: Option<Arc<str>>,
}

impl Replicas {
    pub(super) fn new(spec: ReplicaSpec, machine: PoolShare, tally: Arc<Tally>) -> Self {
        Self { spec: Arc::new(spec), machine, tally, stopped: false, slots: Vec::new() }
    }

    /// How many are there that were not told to go.
    pub(super) fn staying(&self) -> u32 {
        let staying = self.slots.iter().filter(|slot| !slot.is_leaving()).count();
        u32::try_from(staying).unwrap_or(u32::MAX)
    }

    /// How many of `most` replicas this pool may have of the machine, beside what the others want.
    pub(super) fn machine_limit(&self, most: u32) -> u32 {
        self.machine.limit(most)
    }

    /// The pool wants so many, whatever it may have.
    pub(super) fn want(&self, replicas: u32) {
        self.machine.want(replicas);
    }

    /// The pool needs so many in any case.
    pub(super) fn need(&self, least: u32) {
        self.machine.need(least);
    }

    /// The pool is about to end and has no share of the machine any more.
    pub(super) fn leave(&self) {
        self.machine.leave();
    }

    /// Starts so many beside those of the pool that this one is to take the place of.
    pub(super) fn start_beside(&mut self, replicas: u32) {
        for _ in 0..replicas {
            let threads = self.machine.take_over();
            self.start(threads);
        }
    }

    fn start(&mut self, threads: Permit) {
        let id: Arc<str> = format!("{}-{}", self.spec.model, self.tally.next_replica()).into();
        info!(replica = %id, "replica starting");
        self.slots.push(Slot::start(self.spec.clone(), id, threads));
    }

    /// What one replica takes, and what there is, if that is too little for the least of all pools.
    pub(super) fn lacks_memory(&self) -> Option<(u64, u64)> {
        self.machine.lacks_memory()
    }

    /// What one replica takes, in bytes, by those that were measured. A process is known; what is too
    /// much for a thread was taken by others that started with it.
    fn measure(&self) {
        let measured = self.slots.iter().filter_map(|slot| slot.status().memory);
        let memory = match self.spec.placement {
            Placement::Thread => measured.min(),
            Placement::Process(_) => measured.max(),
        };
        if let Some(memory) = memory {
            self.machine.measured(memory);
        }
    }

    /// Starts or drains replicas until `desired` are staying, as far as the machine has room: what
    /// draining replicas have comes free when these are gone.
    pub(super) fn reconcile(&mut self, desired: u32) {
        self.slots.retain(|slot| !slot.is_gone());
        self.measure();
        while self.staying() < desired && !self.stopped {
            let Some(threads) = self.machine.take() else { break };
            self.start(threads);
        }
        while self.staying() > desired {
            let Some(slot) = self.least_useful() else { break };
            info!(replica = %slot.id(), "replica draining");
            slot.drain();
        }
    }

    /// Drains the replica of this id, if there is one.
    pub(super) fn drain(&self, id: &str) -> Option<ReplicaView> {
        let slot = self.slots.iter().find(|slot| &**slot.id() == id && !slot.is_gone())?;
        if !slot.is_leaving() {
            info!(replica = id, "replica draining, as asked for");
            slot.drain();
        }
        Some(self.view_of(slot))
    }

    /// The replica that is missed least: one that does not run, else the one with the least work,
    /// else the youngest.
    fn least_useful(&self) -> Option<&Slot> {
        let staying = self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_leaving());
        let worth = |(age, slot): &(usize, &Slot)| {
            let ReplicaStatus { state, ongoing, .. } = slot.status();
            (state == ReplicaState::Running, ongoing, Reverse(*age))
        };
        staying.min_by_key(worth).map(|(_, slot)| slot)
    }

    pub(super) fn view(&self) -> Vec<ReplicaView> {
        let there = self.slots.iter().filter(|slot| !slot.is_gone());
        there.map(|slot| self.view_of(slot)).collect()
    }

    fn view_of(&self, slot: &Slot) -> ReplicaView {
        ReplicaView {
            id: slot.id().clone(),
            placement: self.spec.placement.clone(),
            status: slot.status(),
            failure: slot.failure(),
        }
    }

    /// Watches of the states of those that were not told to go.
    pub(super) fn watches(&self) -> Vec<watch::Receiver<ReplicaStatus>> {
        self.slots.iter().filter(|slot| !slot.is_leaving()).map(Slot::watch).collect()
    }

    /// Drains all of them, for good; the future waits until they are gone.
    pub(super) fn stop(&mut self) -> impl Future<Output = ()> + Send + use<> {
        self.stopped = true;
        let slots = std::mem::take(&mut self.slots);
        slots.iter().for_each(Slot::drain);
        async move {
            join_all(slots.into_iter().map(Slot::gone)).await;
        }
    }
}
