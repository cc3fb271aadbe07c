//! Rounds of ended entries on their way to the sinks, at least once.

use std::time::Duration;

use super::{Book, Entry, Ingest, IngestEvent, Scene};
use crate::{ingest::outcome::backoff, simulate::faults::fault::Fault};

/// What is written together, and ends once it is acknowledged.
#[derive(Debug, Default)]
pub(super) struct Round {
    entries: Vec<u64>,
    failures: u32,
}

/// Rounds on their way at once, at most.
const MAX_ROUNDS: usize = 4;
/// How long a sink takes, at most.
const SINK_TAKES: Duration = Duration::from_millis(20);

impl Ingest {
    pub(super) fn begin_round(&mut self, scene: &mut Scene) {
        if self.ready.is_empty() || self.rounds.len() >= MAX_ROUNDS {
            return;
        }
        self.begun += 1;
        let round = Round { entries: std::mem::take(&mut self.ready), failures: 0 };
        self.rounds.insert(self.begun, round);
        self.send(self.begun, scene);
    }

    pub(super) fn send(&mut self, round: u64, scene: &mut Scene) {
        let after = scene.up_to(SINK_TAKES);
        self.enter(after, IngestEvent::Sunk { round }, scene);
    }

    /// The sinks answer. What they do not acknowledge is sent again, whether it was written or not.
    pub(super) fn sunk(&mut self, number: u64, book: &mut Book, scene: &mut Scene) {
        let fails = scene.falls(Fault::SinkFails);
        let times_out = !fails && scene.falls(Fault::SinkTimesOut);
        if times_out {
            self.write(number, false, book, scene);
        }
        if !fails && !times_out {
            self.acknowledge(number, book, scene);
            return self.begin_round(scene);
        }
        let Some(round) = self.rounds.get_mut(&number) else { return };
        round.failures += 1;
        let wait = backoff(scene.plan.retries.backoff, round.failures, "sink");
        self.enter(wait, IngestEvent::Resend { round: number }, scene);
    }

    /// The gateway stops: all that has ended is written.
    pub(in super::super) fn flush(&mut self, book: &mut Book, scene: &mut Scene) {
        while !self.ready.is_empty() || !self.rounds.is_empty() {
            let numbers: Vec<u64> = self.rounds.keys().copied().collect();
            numbers.into_iter().for_each(|number| self.acknowledge(number, book, scene));
            self.begin_round(scene);
        }
    }

    /// The gateway is gone. The sinks may have written what was on its way, or not.
    pub(in super::super) fn lose_rounds(&mut self, book: &mut Book, scene: &mut Scene) {
        for number in self.rounds.keys() {
            if scene.chance.bool() {
                self.write(*number, false, book, scene);
            }
        }
    }

    fn acknowledge(&mut self, number: u64, book: &mut Book, scene: &mut Scene) {
        self.write(number, true, book, scene);
        let Some(round) = self.rounds.remove(&number) else { return };
        for Entry { place, epoch, .. } in
            round.entries.iter().filter_map(|entry| self.entries.remove(entry))
        {
            self.tracker.entry_ended(&self.partitions[place.partition], epoch, place.offset);
        }
    }

    fn write(&self, number: u64, heard: bool, book: &mut Book, scene: &mut Scene) {
        let Some(round) = self.rounds.get(&number) else { return };
        for entry in round.entries.iter().filter_map(|entry| self.entries.get(entry)) {
            book.write(entry.place, entry.model, heard, scene);
        }
    }
}
