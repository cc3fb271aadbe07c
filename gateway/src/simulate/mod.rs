//! `framegate simulate`: a load through a policy's pools, in virtual time.
//!
//! The queue, the batching and the autoscaler are those that serve; only the clock, the devices and
//! the frames are simulated. One run depends on nothing but its policy, its trace and its seed.

mod agenda;
pub mod faults;
mod job;
mod load;
mod plot;
mod pool;
mod record;
pub mod recording;
mod report;
mod trace;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use framegate_batcher::{Clock, Job, PoolQueue, SeatId};

use self::{
    agenda::Agenda,
    load::Arrival,
    pool::{Event, Fed, Setting, SimulatedPool, agenda_of},
    trace::Trace,
};
pub use self::{
    record::{Counts, record},
    report::{ModelReport, Reading, Report, Sample},
};
use crate::{
    policy::Policy,
    pool::{Machine, bounds},
};

/// Samples of the timeline at most.
const SAMPLES: u32 = 600;
/// The least time between two samples.
const SHORTEST_SAMPLE: Duration = Duration::from_millis(100);
/// How long after the load what is left may take, before it counts as unfinished.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Simulates the trace in the file.
///
/// # Errors
/// When the trace cannot be read or does not fit the policy.
pub fn simulate(policy: &Policy, trace: &Path, seed: u64) -> anyhow::Result<Report> {
    let (path, trace) = (trace, Trace::load(trace, policy)?);
    let mut world = World::new(policy, &trace)?;
    let models = policy.models.iter().map(|model| Arc::clone(&model.name)).collect();
    let (arrivals, lasts) = trace.arrivals(path, models, seed)?;
    world.run(arrivals, lasts);
    Ok(world.report(lasts, seed))
}

/// The replicas that the queue wakes now, by whose seats they have; none once it wakes nobody.
fn woken<J: Job>(queue: &PoolQueue<J>, seats: &BTreeMap<SeatId, u64>) -> Option<Vec<u64>> {
    let woken = queue.take_woken();
    // Some may have gone.
    (!woken.is_empty()).then(|| woken.iter().filter_map(|seat| seats.get(seat).copied()).collect())
}

/// All pools of a policy, and what happens to them.
struct World {
    clock: Clock,
    agenda: Agenda<(usize, Event)>,
    pools: Vec<SimulatedPool>,
    now: Duration,
    timeline: Vec<Sample>,
}

impl World {
    fn new(policy: &Policy, trace: &Trace) -> anyhow::Result<Self> {
        let (clock, machine) = (Clock::simulated(), Machine::new(bounds::machine(&policy.limits)));
        let mut pools = Vec::new();
        for model in &policy.models {
            let feeds = |ingest: &&crate::policy::Ingest| ingest.models.contains(&model.name);
            let fed = policy.ingest.iter().find(feeds).map(|ingest| Fed {
                overload: ingest.overload,
                max_frame_age: ingest.max_frame_age,
            });
            let (costs, timeout) = (trace.costs(model)?, policy.server.default_timeout);
            let setting = Setting { model, costs, fed, timeout };
            pools.push(SimulatedPool::new(&setting, &clock, &machine));
        }
        Ok(Self {
            clock,
            agenda: Agenda::default(),
            pools,
            now: Duration::ZERO,
            timeline: Vec::new(),
        })
    }

    /// Lets everything come and happen, and then what is left be served.
    fn run(&mut self, arrivals: impl Iterator<Item = Arrival>, lasts: Duration) {
        let sample = (lasts / SAMPLES).max(SHORTEST_SAMPLE);
        let mut next_sample = Duration::ZERO;
        let mut arrivals = arrivals.peekable();
        for (place, pool) in self.pools.iter_mut().enumerate() {
            pool.begin(&mut agenda_of(&mut self.agenda, place));
        }
        loop {
            let arrival = arrivals.peek().map(|arrival| arrival.at);
            let event = self.agenda.next_at();
            let Some(next) = [arrival, event].into_iter().flatten().min() else { return };
            let is_over = arrival.is_none() && next >= lasts;
            if is_over && self.pools.iter().all(SimulatedPool::is_idle) || next > lasts + PATIENCE {
                return;
            }
            while next_sample <= next {
                self.sample(next_sample);
                next_sample += sample;
            }
            self.pass(next);
            match arrival {
                // Who comes at the moment of an event comes after it.
                Some(at) if event.is_none_or(|event| at < event) => {
                    self.arrive(arrivals.next());
                }
                _ => self.happen(),
            }
        }
    }

    fn pass(&mut self, now: Duration) {
        self.now = now;
        self.clock.set(now);
    }

    fn arrive(&mut self, arrival: Option<Arrival>) {
        let Some(Arrival { camera, models, .. }) = arrival else { return };
        for place in models.iter().copied() {
            let mut agenda = agenda_of(&mut self.agenda, place);
            self.pools[place].arrive(self.now, camera, &mut agenda);
        }
    }

    fn happen(&mut self) {
        if let Some((now, (place, event))) = self.agenda.pop() {
            let mut agenda = agenda_of(&mut self.agenda, place);
            self.pools[place].happen(now, event, &mut agenda);
        }
    }

    fn sample(&mut self, at: Duration) {
        self.pass(at.max(self.now));
        let pools = self.pools.iter().map(SimulatedPool::reading).collect();
        self.timeline.push(Sample { at: at.as_secs_f64(), pools });
    }

    fn report(self, lasts: Duration, seed: u64) -> Report {
        let (now, timeline) = (self.now, self.timeline);
        let models = self.pools.into_iter().map(|pool| pool.report(now)).collect();
        Report { seconds: lasts.as_secs_f64(), seed, models, timeline }
    }
}

#[cfg(test)]
mod tests;
