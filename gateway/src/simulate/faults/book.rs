//! What the world around the gateway knows: clients their answers, the sinks what was written, the
//! broker its topics and what is committed. It outlasts the gateway, and says what was wrong.

use std::time::Duration;

use super::{
    account::Line,
    fault::Fault,
    job::{End, Poison},
    scene::Scene,
    trace::Happened,
};

#[derive(Debug)]
pub(super) struct Book {
    calls: Vec<Call>,
    topics: Vec<Topic>,
    models: usize,
    exactly_once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Coming,
    Waiting,
    Ended,
}

/// A partition, with what came of its records.
#[derive(Debug)]
struct Topic {
    records: Vec<Record>,
    /// That are still to be written into it.
    coming: u32,
    committed: i64,
}

/// A record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: Line,
    pub(super) poison: Option<Poison>,
    pub(super) written: Duration,
    /// How often it was taken out of the topic.
    taken: usize,
    /// By model.
    results: Vec<Results>,
}

/// What the sinks hold of a record and model.
#[derive(Debug, Clone, Copy, Default)]
struct Results {
    written: usize,
    /// Of these, those of which the gateway does not know.
    unheard: usize,
}

/// A record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) partition: usize,
    pub(super) offset: i64,
}

/// What a call, or the sinks, get of records all have this priority.
pub(super) const DEFAULT_PRIORITY: u8 = 5;

impl Book {
    pub(super) fn new(scene: &Scene) -> Self {
        let plan = &scene.plan;
        let topic = |&coming: &u32| Topic { records: Vec::new(), coming, committed: 0 };
        Self {
            calls: vec![Call::Coming; plan.calls as usize],
            topics: plan.records.iter().map(topic).collect(),
            models: plan.models.len(),
            exactly_once: plan.exactly_once,
        }
    }

    pub(super) fn called(&mut self, call: u32) {
        self.calls[call as usize] = Call::Waiting;
    }

    /// A call was answered, or refused.
    pub(super) fn call_ended(&mut self, call: u32, end: End, scene: &mut Scene) {
        scene.note(Happened::CallEnded { call });
        let waited = self.calls[call as usize] == Call::Waiting;
        scene.check(waited, || format!("call {call} was answered twice, now {end:?}"));
        self.calls[call as usize] = Call::Ended;
    }

    /// The gateway is gone, and with it the connections of those that waited.
    pub(super) fn hang_up(&mut self) {
        let waiting = self.calls.iter_mut().filter(|call| **call == Call::Waiting);
        waiting.for_each(|call| *call = Call::Ended);
    }

    /// Whether no call waits.
    pub(super) fn nobody_waits(&self) -> bool {
        !self.calls.contains(&Call::Waiting)
    }

    /// A record is written into a topic.
    pub(super) fn append(&mut self, partition: usize, scene: &mut Scene) {
        let camera = scene.chance.u32(..scene.plan.cameras);
        let record = Record {
            line: Line { camera, priority: DEFAULT_PRIORITY },
            poison: poison(scene),
            written: scene.now,
            taken: 0,
            results: vec![Results::default(); self.models],
        };
        let topic = &mut self.topics[partition];
        topic.records.push(record);
        topic.coming -= 1;
    }

    /// A record is taken, if there is one.
    pub(super) fn take(&mut self, place: Place) -> Option<&Record> {
        let record = self.record_mut(place)?;
        record.taken += 1;
        Some(record)
    }

    /// Whether there is such a record.
    pub(super) fn has(&self, place: Place) -> bool {
        place.offset < self.topics[place.partition].end()
    }

    /// A sink writes a result, and the gateway hears of it or not.
    pub(super) fn write(&mut self, place: Place, model: usize, heard: bool, scene: &mut Scene) {
        let Place { partition, offset } = place;
        scene.note(Happened::Written { partition, offset, model });
        let exactly_once = self.exactly_once;
        let Some(record) = self.record_mut(place) else { return };
        let results = &mut record.results[model];
        results.written += 1;
        results.unheard += usize::from(!heard);
        let allowed = if exactly_once { 1 } else { record.taken + results.unheard };
        let written = results.written;
        scene.check(written <= allowed, || {
            format!("{place:?} of model {model} was written {written} times, and {allowed} may be")
        });
    }

    /// The broker commits offsets: none passes a record that has a model without result.
    pub(super) fn commit(&mut self, offsets: &[Place], scene: &mut Scene) {
        for &Place { partition, offset } in offsets {
            scene.note(Happened::Committed { partition, offset });
            let topic = &mut self.topics[partition];
            let before = std::mem::replace(&mut topic.committed, offset);
            scene.check((before..=topic.end()).contains(&offset), || {
                format!("{offset} of partition {partition} was committed after {before}")
            });
            let lost = topic.first_unwritten().filter(|lost| *lost < offset);
            scene.check(lost.is_none(), || {
                format!("{offset} of partition {partition} was committed, and {lost:?} not written")
            });
        }
    }

    pub(super) fn committed(&self, partition: usize) -> i64 {
        self.topics[partition].committed
    }

    /// Another gateway has the partition for a while, and serves some of it.
    pub(super) fn serve_elsewhere(&mut self, partition: usize, scene: &mut Scene) {
        let (from, end) = (self.committed(partition), self.topics[partition].end());
        let to = scene.chance.i64(from..=end);
        for place in (from..to).map(|offset| Place { partition, offset }) {
            self.take(place);
            (0..self.models).for_each(|model| self.write(place, model, true, scene));
        }
        self.commit(&[Place { partition, offset: to }], scene);
    }

    /// Whether all has come and is done.
    pub(super) fn is_done(&self) -> bool {
        let is_done = |topic: &Topic| topic.coming == 0 && topic.committed == topic.end();
        self.calls.iter().all(|call| *call == Call::Ended) && self.topics.iter().all(is_done)
    }

    /// What is not done, to be told.
    pub(super) fn undone(&self) -> String {
        let calls = self.calls.iter().filter(|call| **call != Call::Ended).count();
        let open = self.topics.iter().map(|topic| topic.end() - topic.committed);
        format!("{calls} calls without answer, {} records uncommitted", open.sum::<i64>())
    }

    fn record_mut(&mut self, place: Place) -> Option<&mut Record> {
        let records = &mut self.topics[place.partition].records;
        records.get_mut(usize::try_from(place.offset).ok()?)
    }
}

impl Topic {
    fn end(&self) -> i64 {
        self.records.len() as i64
    }

    fn first_unwritten(&self) -> Option<i64> {
        let unwritten = |record: &Record| record.results.iter().any(|results| results.written == 0);
        self.records.iter().position(unwritten).map(|place| place as i64)
    }
}

/// What is wrong with a frame, if anything is.
pub(super) fn poison(scene: &mut Scene) -> Option<Poison> {
    if !scene.falls(Fault::Poison) {
        return None;
    }
    scene.chance.choice([Poison::Undecodable, Poison::Errs, Poison::Crashes])
}
