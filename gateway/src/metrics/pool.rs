use std::{sync::Arc, time::Duration};

use framegate_batcher::PoolSnapshot;
use framegate_proto::ErrorCode;
use framegate_replica::{Answer, ReplicaState, Timings};
use metrics::{Counter, Gauge, Histogram};

use super::{Registry, names};
use crate::{board::Tally, pool::ReplicaView};

/// The metrics of one pool, or of requests for models that no pool has.
#[derive(Clone)]
pub struct PoolMetrics {
    handles: Arc<Handles>,
}

struct Handles {
    tally: Arc<Tally>,
    served: Counter,
    /// One for each error code, in the order of `ErrorCode::ALL`.
    errors: Vec<Counter>,
    stages: [Histogram; 6],
    batch_size: Histogram,
    batch_size_limit: Gauge,
    queued: Gauge,
    ongoing: Gauge,
    desired: Gauge,
    replicas: [Gauge; STATES.len()],
}

const STAGES: [&str; 6] = ["queue", "fetch", "decode", "prepare", "batch_wait", "execute"];

const STATES: [(ReplicaState, &str); 4] = [
    (ReplicaState::Starting, "starting"),
    (ReplicaState::Running, "running"),
    (ReplicaState::Draining, "draining"),
    (ReplicaState::Failed, "failed"),
];

/// The label of requests for models that the policy does not have: what clients make up does not
/// become a label.
pub const UNKNOWN_MODEL: &str = "-";

impl PoolMetrics {
    /// Registers the metrics of a model.
    pub fn new(registry: &Registry, model: &str) -> Self {
        let labels = &[("model", model)];
        let error = |code: &ErrorCode| {
            registry.counter(names::ANSWERS, &[("model", model), ("reason", code.reason())])
        };
        let stage = |stage| registry.histogram(names::STAGE, &[("model", model), ("stage", stage)]);
        let state =
            |(_, state)| registry.gauge(names::REPLICAS, &[("model", model), ("state", state)]);
        let handles = Handles {
            tally: registry.board().tally(model),
            served: registry.counter(names::ANSWERS, &[("model", model), ("reason", "OK")]),
            errors: ErrorCode::ALL.iter().map(error).collect(),
            stages: STAGES.map(stage),
            batch_size: registry.histogram(names::BATCH_SIZE, labels),
            batch_size_limit: registry.gauge(names::BATCH_SIZE_LIMIT, labels),
            queued: registry.gauge(names::QUEUED, labels),
            ongoing: registry.gauge(names::ONGOING, labels),
            desired: registry.gauge(names::DESIRED_REPLICAS, labels),
            replicas: STATES.map(state),
        };
        Self { handles: Arc::new(handles) }
    }

    /// Counts how an entry ended, and how long each of its stages took.
    pub fn record(&self, answer: &Answer) {
        let handles = &self.handles;
        match answer {
            Ok(served) => {
                handles.served.increment(1);
                handles.tally.result();
                handles.batch_size.record(f64::from(served.batch_size));
                for (histogram, took) in handles.stages.iter().zip(stages(&served.timings)) {
                    histogram.record(took.as_secs_f64());
                }
            }
            Err(error) => {
                if let Some(counter) = handles.errors.get(error.code as usize) {
                    counter.increment(1);
                }
                handles.tally.failure(error.code);
            }
        }
    }

    /// The same counts, to be read back.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.handles.tally
    }

    /// Sets the gauges.
    pub fn gauge(&self, snapshot: &PoolSnapshot, replicas: &[ReplicaView], desired: u32) {
        let handles = &self.handles;
        handles.batch_size_limit.set(snapshot.max_batch_size as f64);
        handles.queued.set(snapshot.queued as f64);
        handles.ongoing.set(snapshot.ongoing as f64);
        handles.desired.set(f64::from(desired));
        for (gauge, (state, _)) in handles.replicas.iter().zip(STATES) {
            let count = replicas.iter().filter(|replica| replica.status.state == state).count();
            gauge.set(count as f64);
        }
    }
}

fn stages(timings: &Timings) -> [Duration; 6] {
    let Timings { queue, fetch, decode, prepare, batch_wait, execute } = *timings;
    [queue, fetch, decode, prepare, batch_wait, execute]
}
