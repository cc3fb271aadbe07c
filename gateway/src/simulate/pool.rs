use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use framegate_batcher::{
    BatchCosts, Clock, Desk, EntryId, Formed, Latest, NewEntry, Origin, PoolQueue, Priority,
    SeatId, Slot, SubmitError,
};
use framegate_replica::BatchCost;

use super::{
    agenda::Agenda,
    job::{Removed, SimulatedJob},
    report::{ModelReport, Reading},
    trace::Costs,
    woken,
};
use crate::{
    policy::{Model, Overload},
    pool::{
        bounds,
        deciding::{Deciding, PERIOD, Reading as PoolReading, SHORTEST_PERIOD},
        machine::{Machine, Permit, PoolShare},
    },
};

/// What happens in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The autoscaler decides, unless it has decided meanwhile.
    Decide { turn: u64 },
    /// A replica runs.
    Started { replica: u64 },
    /// An entry is ready to be executed.
    Loaded { replica: u64, entry: EntryId },
    /// A replica is to look whether a batch has waited long enough.
    Look { replica: u64 },
    /// A batch ends.
    Executed { replica: u64 },
    /// Entries are due.
    Expire,
}

/// What is known of a pool before it runs.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) model: &'a Model,
    pub(super) costs: Costs,
    /// How a record that feeds it is treated; none if it is fed by calls.
    pub(super) fed: Option<Fed>,
    /// How long a request may take.
    pub(super) timeout: Duration,
}

/// How an ingest feeds a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fed {
    pub(super) overload: Overload,
    pub(super) max_frame_age: Option<Duration>,
}

/// A pool with simulated replicas: its queue, batches and decisions are those that serve.
pub(super) struct SimulatedPool {
    model: Model,
    costs: Costs,
    fed: Option<Fed>,
    timeout: Duration,
    clock: Clock,

    queue: PoolQueue<SimulatedJob>,
    cost: BatchCost,
    deciding: Deciding,
    /// How often it was decided, and when last.
    turn: u64,
    decided_at: Duration,
    /// Whether the next decision is ahead of its time.
    hurries: bool,
    threads: PoolShare,
    replicas: BTreeMap<u64, Replica>,
    started: u64,
    /// Whose seat it is.
    seats: BTreeMap<SeatId, u64>,
    /// When entries are looked at that are due.
    expires_at: Option<Duration>,
    /// Records that wait in their topics, by their time and camera.
    upstream: VecDeque<(Duration, u32)>,
    /// By number.
    cameras: HashMap<u32, Camera>,
    arrived: u64,
    removed: Arc<Removed>,
    report: ModelReport,
}

struct Camera {
    name: Arc<str>,
    /// That have come.
    frames: u64,
}

struct Replica {
    since: Duration,
    is_leaving: bool,
    /// Absent while it starts.
    running: Option<Running>,
    _threads: Permit,
}

struct Running {
    desk: Desk<SimulatedJob, ()>,
    executing: Option<(Vec<Slot<SimulatedJob, ()>>, Duration)>,
    /// When it was to look last whether a batch has waited long enough.
    looks_at: Option<Duration>,
}

type PoolAgenda<'a> = dyn FnMut(Duration, Event) + 'a;

impl SimulatedPool {
    pub(super) fn new(setting: &Setting<'_>, clock: &Clock, machine: &Machine) -> Self {
        let Setting { model, costs, fed, timeout } = *setting;
        let (limits, sizing) = bounds::limits(model);
        let least = model.autoscaling.min_replicas;
        Self {
            costs,
            fed,
            timeout,
            queue: PoolQueue::with_clock(limits, clock.clone()),
            cost: BatchCost::new(sizing),
            deciding: Deciding::new(model.autoscaling, clock.now()),
            turn: 0,
            decided_at: Duration::ZERO,
            hurries: false,
            threads: machine.join(bounds::threads(model), least),
            replicas: BTreeMap::new(),
            started: 0,
            seats: BTreeMap::new(),
            expires_at: None,
            upstream: VecDeque::new(),
            cameras: HashMap::new(),
            arrived: 0,
            removed: Arc::default(),
            report: ModelReport::new(&model.name),
            model: model.clone(),
            clock: clock.clone(),
        }
    }

    /// Starts `initial_replicas`.
    pub(super) fn begin(&mut self, agenda: &mut PoolAgenda<'_>) {
        self.reconcile(Duration::ZERO, self.model.autoscaling.initial_replicas, agenda);
        self.decide(Duration::ZERO, agenda);
    }

    /// A frame of a camera comes in.
    pub(super) fn arrive(&mut self, now: Duration, camera: u32, agenda: &mut PoolAgenda<'_>) {
        if self.leaves_out(camera) {
            self.report.left_out += 1;
            return;
        }
        self.arrived += 1;
        self.report.requests += 1;
        if self.upstream.is_empty() {
            self.submit(now, now, camera);
        } else {
            self.upstream.push_back((now, camera));
        }
        self.settle(now, agenda);
        if !self.hurries && self.queue.ongoing() > self.deciding.next_threshold() {
            self.hurries = true;
            let at = now.max(self.decided_at + SHORTEST_PERIOD);
            agenda(at, Event::Decide { turn: self.turn });
        }
    }

    /// What was entered for now happens.
    pub(super) fn happen(&mut self, now: Duration, event: Event, agenda: &mut PoolAgenda<'_>) {
        match event {
            Event::Decide { turn } if turn == self.turn => self.decide(now, agenda),
            Event::Decide { .. } => return,
            Event::Started { replica } => self.run(now, replica, agenda),
            Event::Loaded { replica, entry } => self.loaded(now, replica, entry, agenda),
            Event::Look { replica } => self.look(now, replica, agenda),
            Event::Executed { replica } => self.executed(now, replica, agenda),
            // To ask for the time is to let it pass.
            Event::Expire => self.expires_at = None,
        }
        self.settle(now, agenda);
    }

    /// Whether anything is left to be served.
    pub(super) fn is_idle(&self) -> bool {
        self.upstream.is_empty() && self.queue.ongoing() == 0
    }

    /// How it is now.
    pub(super) fn reading(&self) -> Reading {
        let snapshot = self.queue.snapshot();
        let running = self.replicas.values().filter(|it| it.running.is_some()).count();
        Reading {
            queued: snapshot.queued,
            upstream: self.upstream.len(),
            ongoing: snapshot.ongoing,
            running,
            desired: self.deciding.desired(),
            batch_size: snapshot.max_batch_size,
            arrived: self.arrived,
            served: self.report.served,
        }
    }

    /// What came of it, at the end.
    pub(super) fn report(mut self, now: Duration) -> ModelReport {
        for replica in self.replicas.values() {
            self.report.replica_seconds += (now - replica.since).as_secs_f64();
        }
        self.report.expired += self.removed.expired.load(Ordering::Relaxed);
        self.report.superseded += self.removed.superseded.load(Ordering::Relaxed);
        self.report.unfinished = (self.upstream.len() + self.queue.ongoing()) as u64;
        self.report
    }

    /// False if the record is to wait upstream.
    fn submit(&mut self, now: Duration, came_at: Duration, camera: u32) -> bool {
        let since_then = now - came_at;
        let latest = matches!(self.fed, Some(Fed { overload: Overload::LatestOnly, .. }));
        let allowed = self.fed.map_or(Some(self.timeout), |fed| fed.max_frame_age);
        let deadline = allowed.map(|allowed| self.clock.now() + allowed.saturating_sub(since_then));
        let entry = NewEntry {
            job: SimulatedJob { came_at, removed: Arc::clone(&self.removed) },
            fairness_key: Arc::clone(&self.camera(camera).name),
            priority: Priority::default(),
            origin: if self.fed.is_some() { Origin::Ingest } else { Origin::Interactive },
            deadline,
            latest: latest.then_some(Latest { stream: 0, order: self.arrived }),
        };
        match self.queue.submit(entry) {
            Ok(_) => {}
            Err(SubmitError::Expired) => self.report.expired += 1,
            Err(SubmitError::Superseded) => self.report.superseded += 1,
            Err(_) if self.fed.is_some() => {
                self.upstream.push_back((came_at, camera));
                return false;
            }
            Err(_) => self.report.refused += 1,
        }
        true
    }

    fn camera(&mut self, number: u32) -> &mut Camera {
        let new = || Camera { name: format!("camera_{number}").into(), frames: 0 };
        self.cameras.entry(number).or_insert_with(new)
    }

    /// Whether `every_nth` leaves the camera's next frame out.
    fn leaves_out(&mut self, camera: u32) -> bool {
        let Some(Fed { overload: Overload::EveryNth(n), .. }) = self.fed else { return false };
        let camera = self.camera(camera);
        camera.frames += 1;
        !(camera.frames - 1).is_multiple_of(n)
    }

    /// Takes in what waits upstream, as far as there is room.
    fn take_in(&mut self, now: Duration) {
        while let Some((came_at, camera)) = self.upstream.pop_front() {
            if !self.submit(now, came_at, camera) {
                // It has gone to the end; it is still the first.
                self.upstream.rotate_right(1);
                return;
            }
        }
    }

    /// Wakes whoever is to be, until nobody is.
    fn settle(&mut self, now: Duration, agenda: &mut PoolAgenda<'_>) {
        self.take_in(now);
        while let Some(woken) = woken(&self.queue, &self.seats) {
            woken.into_iter().for_each(|id| self.look(now, id, agenda));
        }
        self.report.most_ongoing = self.report.most_ongoing.max(self.queue.ongoing());
        if self.expires_at.is_none()
            && let Some(due) = self.queue.next_deadline()
        {
            let at = now + due.saturating_duration_since(self.clock.now());
            self.expires_at = Some(at);
            agenda(at, Event::Expire);
        }
    }

    fn decide(&mut self, now: Duration, agenda: &mut PoolAgenda<'_>) {
        let before = self.deciding.desired();
        let decision = self.deciding.decide(PoolReading {
            now: self.clock.now(),
            ongoing: self.queue.ongoing(),
            ongoing_area: self.queue.ongoing_area(),
            turnover: self.queue.turnover(),
            cost: self.cost.per_entry(),
            waiting: self.upstream.len() as f64,
            machine_limit: self.threads.limit(self.model.autoscaling.max_replicas),
        });
        self.threads.want(self.deciding.wanted());
        self.report.changes += u64::from(decision.desired != before);
        self.reconcile(now, decision.desired, agenda);
        (self.turn, self.decided_at, self.hurries) = (self.turn + 1, now, false);
        agenda(now + PERIOD, Event::Decide { turn: self.turn });
    }

    fn reconcile(&mut self, now: Duration, desired: u32, agenda: &mut PoolAgenda<'_>) {
        while self.staying() < desired as usize {
            let Some(threads) = self.threads.take() else { break };
            self.started += 1;
            let replica =
                Replica { since: now, is_leaving: false, running: None, _threads: threads };
            self.replicas.insert(self.started, replica);
            agenda(now + self.start_time(), Event::Started { replica: self.started });
        }
        while self.staying() > desired as usize {
            let Some(id) = self.least_useful() else { break };
            self.drain(now, id);
        }
        self.report.most_replicas = self.report.most_replicas.max(self.staying());
    }

    fn staying(&self) -> usize {
        self.replicas.values().filter(|replica| !replica.is_leaving).count()
    }

    /// As in a pool that serves: one that does not run, else the one with the least work, else the
    /// youngest.
    fn least_useful(&self) -> Option<u64> {
        let staying = self.replicas.iter().filter(|(_, replica)| !replica.is_leaving);
        let worth = |(id, replica): &(&u64, &Replica)| {
            let running = replica.running.as_ref();
            let held = running.map_or((0, 0), |running| running.desk.seat().counts());
            (running.is_some(), held.0 + held.1, std::cmp::Reverse(**id))
        };
        staying.min_by_key(worth).map(|(id, _)| *id)
    }

    /// The first replica under an objective measures batches.
    fn start_time(&self) -> Duration {
        let measured: Duration = self.measured().iter().map(|(_, took)| *took * 4).sum();
        self.costs.start + measured
    }

    fn measured(&self) -> Vec<(usize, Duration)> {
        let Some(sizing) = self.cost.to_measure() else { return Vec::new() };
        let mut measured = Vec::new();
        for size in sizing.sizes() {
            let took = self.costs.of_batch(size);
            measured.push((size, took));
            if !sizing.allows(took) {
                break;
            }
        }
        measured
    }

    fn run(&mut self, now: Duration, id: u64, agenda: &mut PoolAgenda<'_>) {
        let costs = BatchCosts::measured(&self.measured());
        if let Some(limits) = costs.and_then(|costs| self.cost.measured(costs)) {
            self.queue.set_batch_limits(limits);
        }
        // It may have been drained before it ran.
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        let desk = Desk::new(self.queue.register());
        self.seats.insert(desk.seat().id(), id);
        replica.running = Some(Running { desk, executing: None, looks_at: None });
        self.look(now, id, agenda);
    }

    fn loaded(&mut self, now: Duration, id: u64, entry: EntryId, agenda: &mut PoolAgenda<'_>) {
        if let Some(running) = self.replicas.get_mut(&id).and_then(|it| it.running.as_mut()) {
            running.desk.set_ready(entry, ());
        }
        self.look(now, id, agenda);
    }

    /// A replica claims and forms a batch, as one that serves does after each event.
    fn look(&mut self, now: Duration, id: u64, agenda: &mut PoolAgenda<'_>) {
        let Some(replica) = self.replicas.get_mut(&id).filter(|it| !it.is_leaving) else { return };
        let Some(Running { desk, executing, looks_at }) = &mut replica.running else { return };
        for (entry, _) in desk.claim() {
            if self.costs.load.is_zero() {
                desk.set_ready(entry, ());
            } else {
                agenda(now + self.costs.load, Event::Loaded { replica: id, entry });
            }
        }
        if executing.is_some() {
            return;
        }
        match desk.form(self.clock.now()) {
            Formed::Batch(batch) => {
                let takes = self.costs.of_batch(batch.len());
                *executing = Some((batch, takes));
                agenda(now + takes, Event::Executed { replica: id });
            }
            Formed::Until(instant) => {
                let at = now + instant.saturating_duration_since(self.clock.now());
                if looks_at.replace(at) != Some(at) {
                    agenda(at, Event::Look { replica: id });
                }
            }
            Formed::Nothing => {}
        }
    }

    fn executed(&mut self, now: Duration, id: u64, agenda: &mut PoolAgenda<'_>) {
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        let Some(running) = &mut replica.running else { return };
        let Some((batch, took)) = running.executing.take() else { return };
        let limits = self.cost.record(batch.len(), took, self.clock.now());
        self.report.batches += 1;
        for slot in &batch {
            if let Some(job) = running.desk.seat_mut().finish(slot.entry.id) {
                self.report.serve(now - job.came_at);
            }
        }
        if let Some(limits) = limits {
            self.queue.set_batch_limits(limits);
        }
        if replica.is_leaving {
            self.go(now, id);
        } else {
            self.look(now, id, agenda);
        }
    }

    /// It finishes its batch and goes.
    fn drain(&mut self, now: Duration, id: u64) {
        let Some(replica) = self.replicas.get_mut(&id) else { return };
        replica.is_leaving = true;
        let is_busy = replica.running.as_mut().is_some_and(|running| {
            running.desk.stop_claiming();
            running.executing.is_some()
        });
        if !is_busy {
            self.go(now, id);
        }
    }

    fn go(&mut self, now: Duration, id: u64) {
        if let Some(replica) = self.replicas.remove(&id) {
            if let Some(running) = &replica.running {
                self.seats.remove(&running.desk.seat().id());
            }
            self.report.replica_seconds += (now - replica.since).as_secs_f64();
        }
    }
}

/// An agenda of one pool of several.
pub(super) fn agenda_of(
    agenda: &mut Agenda<(usize, Event)>,
    pool: usize,
) -> impl FnMut(Duration, Event) {
    move |at, event| agenda.enter(at, (pool, event))
}
