//! From the running policy and the next one: what is different, and what becomes of each part. Pure.

use super::difference::{Change, Effect, compare, whole};
use crate::policy::{Backend, Batching, Bucket, Delivery, Ingest, Model, Policy, Sink, shown};

/// What a change of the policy does.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// What is different, in the order of a policy.
    pub changes: Vec<Change>,
    /// For each model of the next policy.
    pub pools: Vec<PoolStep>,
    /// For each ingest of the next policy: which of the running ones goes on as it. The others stop.
    pub ingests: Vec<Option<usize>>,
}

/// What becomes of a model's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolStep {
    /// It stays as it is.
    Keep,
    /// It goes by the next policy from now on; its replicas stay.
    Follow,
    /// A new one, which takes the place of the one of that name, if there is one.
    Open,
}

/// Keys of a model that its pool can go by without other replicas, besides all of `autoscaling:`. Of
/// any other key it is taken that replicas are opened with it.
const IN_PLACE: [&str; 5] = [
    "max_batch_size",
    "batch_wait_timeout",
    "max_queued_requests",
    "ingest_share",
    "graceful_shutdown_timeout",
];

/// What sizes batches, which under a `latency_slo` the first replica measures.
const BATCHING: [&str; 3] = ["max_batch_size", "batch_wait_timeout", "latency_slo"];

/// What the listeners and their connections were made with.
const LISTENING: [&str; 3] = ["grpc", "http", "message_bytes"];

impl Plan {
    /// From one policy to the next. Numbers of ingests make no difference.
    pub fn new(running: &Policy, next: &Policy) -> Self {
        let mut changes = sections(running, next);
        changes.extend(buckets(&running.buckets, &next.buckets));
        let (pools, of_models) = models(&running.models, &next.models);
        changes.extend(of_models);
        let (ingests, of_ingests) = ingests(running, next);
        changes.extend(of_ingests);
        changes.extend(sinks(&running.sinks, &next.sinks));
        Self { changes, pools, ingests }
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What cannot be changed while the gateway runs.
    pub fn refused(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.effect == Effect::NeedsRestart)
    }
}

fn sections(running: &Policy, next: &Policy) -> Vec<Change> {
    let [old, new] = [running, next].map(|policy| shown::server(&policy.server));
    let mut changes = compare("server", &old, &new, of_section);
    let [old, new] = [running, next].map(|policy| shown::limits(&policy.limits));
    changes.extend(compare("limits", &old, &new, of_section));
    changes
}

fn of_section(key: &str) -> Effect {
    if LISTENING.contains(&key) { Effect::NeedsRestart } else { Effect::InPlace }
}

fn buckets(running: &[Bucket], next: &[Bucket]) -> Vec<Change> {
    let path = |bucket: &Bucket| format!("buckets[{}]", bucket.name);
    let mut changes = Vec::new();
    for bucket in next {
        let keys = shown::bucket(bucket);
        match running.iter().find(|old| old.name == bucket.name) {
            Some(old) => {
                let effect = |_: &str| Effect::InPlace;
                changes.extend(compare(&path(bucket), &shown::bucket(old), &keys, effect));
            }
            None => changes.push(whole(path(bucket), None, Some(&keys), Effect::InPlace)),
        }
    }
    let gone = running.iter().filter(|old| next.iter().all(|bucket| bucket.name != old.name));
    changes
        .extend(gone.map(|old| whole(path(old), Some(&shown::bucket(old)), None, Effect::InPlace)));
    changes
}

fn models(running: &[Model], next: &[Model]) -> (Vec<PoolStep>, Vec<Change>) {
    let path = |model: &Model| format!("models.{}", model.name);
    let (mut steps, mut changes) = (Vec::new(), Vec::new());
    for model in next {
        let Some(old) = running.iter().find(|old| old.name == model.name) else {
            let keys = shown::model(model);
            changes.push(whole(path(model), None, Some(&keys), Effect::PoolStarts));
            steps.push(PoolStep::Open);
            continue;
        };
        let effect = |key: &str| of_model(key, old, model);
        let of_keys = compare(&path(model), &shown::model(old), &shown::model(model), effect);
        steps.push(step(&of_keys));
        changes.extend(of_keys);
    }
    let gone = running.iter().filter(|old| next.iter().all(|model| model.name != old.name));
    changes
        .extend(gone.map(|old| whole(path(old), Some(&shown::model(old)), None, Effect::PoolEnds)));
    (steps, changes)
}

fn step(changes: &[Change]) -> PoolStep {
    if changes.iter().any(|change| change.effect == Effect::NewReplicas) {
        PoolStep::Open
    } else if changes.is_empty() {
        PoolStep::Keep
    } else {
        PoolStep::Follow
    }
}

fn of_model(key: &str, old: &Model, new: &Model) -> Effect {
    let is_sized = |model: &Model| matches!(model.batching, Batching::LatencySlo(_));
    let is_measured = (is_sized(old) || is_sized(new)) && BATCHING.contains(&key);
    // An engine is built for the largest batch.
    let has_engine = |model: &Model| matches!(&model.backend, Backend::Onnx { execution, .. } if execution.has_engine());
    let is_built = key == "max_batch_size" && (has_engine(old) || has_engine(new));
    let is_in_place = IN_PLACE.contains(&key) || key.starts_with("autoscaling.");
    if is_in_place && !is_measured && !is_built { Effect::InPlace } else { Effect::NewReplicas }
}

/// Which running ingests go on, and what is different in the others. An ingest of which only the
/// number is another one is the same.
fn ingests(running: &Policy, next: &Policy) -> (Vec<Option<usize>>, Vec<Change>) {
    let follows = |rule: &Ingest| {
        let is_transactional = rule.delivery == Delivery::ExactlyOnce;
        is_transactional && running.sinks != next.sinks
    };
    let (old, new) = (&running.ingest, &next.ingest);
    let mut left: Vec<usize> = (0..old.len()).collect();
    let mut take = |is: &dyn Fn(&Ingest) -> bool| {
        let place = left.iter().position(|&place| is(&old[place]))?;
        Some(left.remove(place))
    };
    let same: Vec<Option<usize>> = new.iter().map(|rule| take(&|old| is_same(old, rule))).collect();
    let mut changes = Vec::new();
    let mut kept = same.clone();
    for (rule, kept) in new.iter().zip(&mut kept) {
        let path = format!("ingest[{}]", rule.group);
        let keys = shown::ingest(rule);
        if let Some(place) = *kept {
            if follows(&old[place]) {
                let effect = Effect::IngestFollows;
                changes.push(Change { key: path, before: None, after: None, effect });
                *kept = None;
            }
        } else if let Some(place) = take(&|old| old.group == rule.group) {
            let before = shown::ingest(&old[place]);
            let effect = Effect::IngestRestarts;
            changes.extend(differing(&path, "kafka.security", &before, &keys, effect));
        } else {
            changes.push(whole(path, None, Some(&keys), Effect::IngestStarts));
        }
    }
    for rule in left.iter().map(|&place| &old[place]) {
        let path = format!("ingest[{}]", rule.group);
        changes.push(whole(path, Some(&shown::ingest(rule)), None, Effect::IngestStops));
    }
    (kept, changes)
}

fn is_same(one: &Ingest, other: &Ingest) -> bool {
    *one == Ingest { number: one.number, ..other.clone() }
}

fn sinks(running: &[Sink], next: &[Sink]) -> Vec<Change> {
    let path = |sink: &Sink| match sink {
        Sink::Jsonl(jsonl) => format!("sinks[jsonl {}]", jsonl.path.display()),
        Sink::Kafka(kafka) => format!("sinks[kafka {}]", kafka.topic),
    };
    let mut changes = Vec::new();
    let mut left: Vec<&Sink> = running.iter().filter(|old| !next.contains(old)).collect();
    for sink in next.iter().filter(|sink| !running.contains(sink)) {
        let keys = shown::sink(sink);
        match left.iter().position(|old| path(old) == path(sink)) {
            Some(place) => {
                let before = shown::sink(left.remove(place));
                let effect = Effect::SinkReopens;
                changes.extend(differing(&path(sink), "security", &before, &keys, effect));
            }
            None => changes.push(whole(path(sink), None, Some(&keys), Effect::SinkOpens)),
        }
    }
    let gone = left.into_iter();
    changes.extend(
        gone.map(|old| whole(path(old), Some(&shown::sink(old)), None, Effect::SinkCloses)),
    );
    changes
}

/// What is different between two mappings that are not the same; where nothing of it is to be seen, it
/// is a secret, which stands at `secret`.
fn differing(
    path: &str,
    secret: &str,
    before: &shown::Keys,
    after: &shown::Keys,
    effect: Effect,
) -> Vec<Change> {
    let mut changes = compare(path, before, after, |_| effect);
    if changes.is_empty() {
        let key = format!("{path}.{secret}");
        changes.push(Change { key, before: None, after: None, effect });
    }
    changes
}

#[cfg(test)]
mod tests;
