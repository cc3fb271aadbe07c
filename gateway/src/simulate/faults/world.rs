//! The run of one seed: calls and records come, faults fall, and after each step all must hold.

use std::{collections::BTreeMap, time::Duration};

use framegate_batcher::EntryId;
use framegate_proto::ErrorCode;

use super::{
    account::{Line, Owner, Wanted},
    book::{Book, DEFAULT_PRIORITY, poison},
    bug::Bug,
    fault::Fault,
    ingest::Ingest,
    job::{End, Ticket},
    pool::Pool,
    report::{Life, Violation},
    scene::{Event, Scene},
    trace::Happened,
};

/// Everything in a run.
pub(super) struct World {
    seed: u64,
    scene: Scene,
    book: Book,
    /// None while it is down.
    gateway: Option<Gateway>,
}

/// One life of the gateway.
struct Gateway {
    pools: Vec<Pool>,
    ingest: Ingest,
    /// Where the entries of calls are.
    calls: BTreeMap<u32, (usize, (EntryId, Ticket))>,
    is_stopping: bool,
}

/// Occasions for faults that fall from outside, at most.
const STRIKES: u32 = 12;
/// After the last fault, all must be done in this time.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a gateway is down, at most.
const DOWN: Duration = Duration::from_millis(300);
/// How long a gateway that stops waits for calls.
const STOP_GRACE: Duration = Duration::from_millis(200);

impl World {
    pub(super) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut scene = Scene::new(seed, bug);
        let book = Book::new(&scene);
        for call in 0..scene.plan.calls {
            let after = arrival(&mut scene);
            scene.enter_for_good(after, Event::Call(call));
        }
        for (partition, count) in scene.plan.records.clone().into_iter().enumerate() {
            for _ in 0..count {
                let after = arrival(&mut scene);
                scene.enter_for_good(after, Event::Write { partition });
            }
        }
        for _ in 0..scene.chance.u32(..=STRIKES) {
            let after = scene.up_to(scene.plan.lasts);
            scene.enter_for_good(after, Event::Strike);
        }
        scene.enter(Duration::ZERO, Event::Begin);
        Self { seed, scene, book, gateway: None }
    }

    /// Lets everything happen, up to the first violation.
    pub(super) fn run(mut self) -> Life {
        let mut steps = 0;
        while !self.is_over() {
            let event = self.scene.next();
            steps += 1;
            let undone = || self.book.undone();
            let in_time = self.scene.now < self.scene.plan.lasts + PATIENCE;
            self.scene
                .check(event.is_some() && in_time, || format!("it does not end: {}", undone()));
            if let Some(event) = event {
                self.step(event);
            }
        }
        if self.scene.violation.is_none()
            && let Some(gateway) = self.gateway.take()
        {
            gateway.destroy(&mut self.scene);
        }
        let Scene { faults, entries, trace, violation, now, .. } = self.scene;
        let violation = violation.map(|what| Violation {
            seed: self.seed,
            step: steps,
            at: now,
            what,
            digest: trace.digest(),
            last: trace.last(),
        });
        Life { faults, entries, events: trace.events(), digest: trace.digest(), violation }
    }

    fn is_over(&self) -> bool {
        let is_idle = |gateway: &Gateway| {
            gateway.ingest.is_idle() && gateway.pools.iter().all(Pool::is_empty)
        };
        let is_done = !self.scene.is_troubled()
            && self.book.is_done()
            && self.gateway.as_ref().is_some_and(is_idle);
        is_done || self.scene.violation.is_some()
    }

    fn step(&mut self, event: Event) {
        if let Some(gateway) = &mut self.gateway {
            gateway.pools.iter_mut().for_each(|pool| pool.pass(&mut self.scene));
        }
        self.happen(event);
        if let Some(gateway) = &mut self.gateway {
            gateway.settle(&mut self.book, &mut self.scene);
            gateway.pools.iter().for_each(|pool| pool.check(&mut self.scene));
        }
    }

    fn happen(&mut self, event: Event) {
        let Self { scene, book, gateway, .. } = self;
        match (event, gateway) {
            (Event::Call(call), gateway) => {
                scene.note(Happened::Called { call });
                book.called(call);
                match gateway.as_mut().filter(|gateway| !gateway.is_stopping) {
                    Some(gateway) => gateway.call(call, book, scene),
                    None => book.call_ended(call, End::Failed(ErrorCode::Draining), scene),
                }
            }
            (Event::Write { partition }, _) => book.append(partition, scene),
            (Event::Begin, gateway) => *gateway = Some(Gateway::begin(book, scene)),
            (Event::Strike, Some(_)) => self.strike(),
            (Event::StopEnds, Some(gateway)) => {
                gateway.end(book, scene);
                self.down();
            }
            (Event::Leave(call), Some(gateway)) => gateway.leave(call, scene),
            (Event::Pool(number, event), Some(gateway)) => {
                gateway.pools[number].happen(event, scene)
            }
            (Event::Ingest(event), Some(Gateway { pools, ingest, .. })) => {
                ingest.happen(event, (pools, book), scene);
            }
            (_, None) => {}
        }
    }

    /// Something falls from outside, if it is likely enough.
    fn strike(&mut self) {
        let Self { scene, book, gateway: Some(gateway), .. } = self else { return };
        let kinds = [Fault::Crash, Fault::Drain, Fault::PartitionTaken, Fault::Stop, Fault::Kill];
        let pool = scene.chance.usize(..gateway.pools.len());
        match scene.chance.choice(kinds) {
            Some(Fault::Crash) => gateway.pools[pool].crash_any(scene),
            Some(Fault::Drain) => gateway.pools[pool].drain_any(scene),
            Some(Fault::PartitionTaken) => gateway.ingest.take_away(book, scene),
            Some(Fault::Stop) if !gateway.is_stopping && scene.falls(Fault::Stop) => {
                gateway.stop(scene);
            }
            Some(Fault::Kill) if scene.falls(Fault::Kill) => {
                gateway.ingest.lose_rounds(book, scene);
                gateway.ingest.lose_commit(book, scene);
                book.hang_up();
                self.down();
            }
            _ => {}
        }
    }

    /// The gateway is down, and comes back.
    fn down(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.destroy(&mut self.scene);
        }
        self.scene.life += 1;
        let after = self.scene.up_to(DOWN);
        self.scene.enter(after, Event::Begin);
    }
}

impl Gateway {
    fn begin(book: &Book, scene: &mut Scene) -> Self {
        scene.note(Happened::Begun { life: scene.life });
        let pools = (0..scene.plan.models.len()).map(|number| Pool::begin(number, scene)).collect();
        let ingest = Ingest::begin(book, scene);
        Self { pools, ingest, calls: BTreeMap::new(), is_stopping: false }
    }

    fn call(&mut self, call: u32, book: &mut Book, scene: &mut Scene) {
        let pool = scene.chance.usize(..self.pools.len());
        let priority = DEFAULT_PRIORITY + scene.chance.u8(..scene.plan.priorities as u8);
        let left = scene.up_to(scene.plan.timeout);
        let wanted = Wanted {
            owner: Owner::Call(call),
            line: Line { camera: scene.chance.u32(..scene.plan.cameras), priority },
            deadline: Some(scene.instant() + left),
            latest: None,
            poison: poison(scene),
        };
        match self.pools[pool].submit(wanted, scene) {
            Ok(entry) => {
                self.calls.insert(call, (pool, entry));
                if scene.falls(Fault::Cancel) {
                    let after = scene.up_to(left);
                    scene.enter(after, Event::Leave(call));
                }
            }
            Err(code) => book.call_ended(call, End::Failed(code), scene),
        }
    }

    fn leave(&mut self, call: u32, scene: &mut Scene) {
        if let Some((pool, entry)) = self.calls.remove(&call) {
            self.pools[pool].cancel(entry, scene);
        }
    }

    /// Lets everything happen that follows at once.
    fn settle(&mut self, book: &mut Book, scene: &mut Scene) {
        loop {
            let mut ends = Vec::new();
            self.pools.iter_mut().for_each(|pool| ends.extend(pool.settle(scene)));
            let took = self.ingest.take(&mut self.pools, book, scene);
            if ends.is_empty() && !took {
                return;
            }
            for (owner, end) in ends {
                match owner {
                    Owner::Call(call) => {
                        self.calls.remove(&call);
                        book.call_ended(call, end, scene);
                    }
                    Owner::Ingest(entry) => self.ingest.answered(entry, end, scene),
                }
            }
        }
    }

    /// Takes nothing more in, and lets what waits of the ingest go.
    fn stop(&mut self, scene: &mut Scene) {
        self.is_stopping = true;
        self.ingest.stop();
        self.pools.iter_mut().for_each(|pool| pool.stop_accepting(scene));
        scene.enter(STOP_GRACE, Event::StopEnds);
    }

    /// Answers what is left, writes what has ended and commits it.
    fn end(&mut self, book: &mut Book, scene: &mut Scene) {
        self.pools.iter_mut().for_each(|pool| pool.close(scene));
        self.settle(book, scene);
        self.ingest.flush(book, scene);
        self.ingest.commit_last(book, scene);
        let answered = book.nobody_waits();
        scene.check(answered, || "a call is left of a gateway that stopped".to_owned());
    }

    fn destroy(self, scene: &mut Scene) {
        self.pools.into_iter().for_each(|pool| pool.destroy(scene));
    }
}

/// When something comes: at any time, or in one of a few bursts.
fn arrival(scene: &mut Scene) -> Duration {
    let lasts = scene.plan.lasts;
    if scene.chance.bool() {
        return scene.up_to(lasts);
    }
    lasts / 4 * scene.chance.u32(..4)
}
