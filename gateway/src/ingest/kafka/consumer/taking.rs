//! What becomes of a record between Kafka and the pools.

use std::{sync::Arc, time::SystemTime};

use framegate_proto::{ErrorCode, ServeError};
use tokio::time::Instant;

use super::ConsumerThread;
use crate::board::Arrived;
use crate::ingest::{
    catch_up,
    entry::{Entry, Freshness, Original, Source, TakenRecord},
    kafka::{context::Client, message::Fetched},
    outcome::{DropReason, Tries},
    record::Record,
    tracker::{Partition, Skipped},
};

impl ConsumerThread {
    pub(super) fn take(&mut self, fetched: Fetched) {
        let read = Record::read(&fetched.raw(), &self.rule.record);
        let (record, bad) = match read {
            Ok(record) => (record, None),
            Err(bad) => (Record::unreadable(&fetched.raw()), Some(bad.error())),
        };
        let models: Arc<[Arc<str>]> = match &record.models {
            Some(models) => models.as_slice().into(),
            None => Arc::clone(&self.models),
        };
        let Some(epoch) = self.group().take(&fetched.source, models.len()) else { return };
        let now = (SystemTime::now(), Instant::now());
        let written = fetched.written_at().or(record.captured_at).unwrap_or(now.0);
        let topic = self.group().topic_place(&fetched.source, written, now.0);
        let freshness = Freshness::of(record.captured_at, self.rule.max_frame_age, now);
        let taken = Arc::new(TakenRecord {
            topic,
            _permit: self.in_flight.admit(fetched.original.bytes()),
            source: fetched.source,
            epoch,
            record,
            original: fetched.original,
            deadline: freshness.deadline(),
            latest: self.overload.taken(),
            records: 1,
        });
        self.metrics.records.increment(1);
        self.metrics.board.cameras.frame(&taken.record.camera_id, now.0);
        self.metrics.board.arrivals.note(|| Arrived {
            at: now.0,
            camera_id: Some(taken.record.camera_id.clone()),
            models: Arc::clone(&models),
        });
        if freshness == Freshness::TooOld {
            self.note_too_old(&taken, fetched.timestamp_ms, now.0);
        }
        match (bad, freshness) {
            (Some(error), _) => self.refuse_bad(&taken, &models, &error),
            (None, _) if !self.overload.spares(&taken.record) => {
                entries(&taken, &models)
                    .for_each(|e| self.admission.drop_entry(e, DropReason::Nth));
            }
            (None, Freshness::TooOld) => {
                self.refuse(&taken, &models, &ServeError::new(ErrorCode::FrameTooOld));
            }
            (None, Freshness::Until(_)) => self.admission.admit(&taken, &models, Tries::default()),
        }
    }

    /// Where one record is too old, all may be for a while.
    fn note_too_old(&self, taken: &TakenRecord, stamp_ms: Option<i64>, now: SystemTime) {
        let max_frame_age = self.rule.max_frame_age;
        let since = catch_up::fresh_since(taken.record.captured_at, stamp_ms, max_frame_age, now);
        if let Some(since) = since {
            self.group().fell_behind(&taken.source.partition, since);
        }
    }

    /// Passes over what is too old in partitions of which it is known by now how much that is. One
    /// for which there is no room reads on, and drops record by record.
    pub(super) fn catch_up(&self, client: &Client) {
        let targets = self.group().note_found();
        for (partition, next) in targets {
            if !self.in_flight.has_room() {
                return;
            }
            let skipped = self.group().skip(client, &partition, next, self.models.len());
            if let Some(skipped) = skipped {
                self.drop_skipped(partition, skipped);
            }
        }
    }

    /// The range is dropped as one record without content, at the models of the rule: whom its
    /// records themselves are for is not known unread.
    fn drop_skipped(&self, partition: Partition, skipped: Skipped) {
        let Skipped { epoch, first, records } = skipped;
        tracing::info!(%partition, first, records, "records skipped that are too old");
        let record = Record::of_topic(&partition.topic);
        let (source, now) = (Source { partition, offset: first }, SystemTime::now());
        let taken = Arc::new(TakenRecord {
            topic: self.group().topic_place(&source, now, now),
            _permit: self.in_flight.admit(0),
            record,
            source,
            epoch,
            original: Original::default(),
            deadline: None,
            latest: None,
            records,
        });
        entries(&taken, &self.models)
            .for_each(|entry| self.admission.drop_entry(entry, DropReason::Skipped));
    }

    fn refuse_bad(&self, taken: &Arc<TakenRecord>, models: &[Arc<str>], error: &ServeError) {
        if let Some(counter) = self.metrics.bad_records.get(&error.code) {
            counter.increment(1);
        }
        self.refuse(taken, models, error);
    }

    fn refuse(&self, taken: &Arc<TakenRecord>, models: &[Arc<str>], error: &ServeError) {
        entries(taken, models).for_each(|entry| self.admission.refuse(entry, error.clone()));
    }
}

/// The entries of a record that no pool has seen.
fn entries(taken: &Arc<TakenRecord>, models: &[Arc<str>]) -> impl Iterator<Item = Entry> {
    let entry = |model: &Arc<str>| Entry {
        taken: Arc::clone(taken),
        model: Arc::clone(model),
        tries: Tries::default(),
    };
    models.iter().map(entry)
}
