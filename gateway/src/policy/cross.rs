//! What spans sections: waits and ages, threads, ingest and sinks.

use std::time::Duration;

use super::Policy;
use super::checks::{Checks, is_name};
use super::errors::quote;
use super::ingest::{Delivery, Ingest};
use super::model::{Backend, Batching, Model};
use super::nearest::instead;
use super::raw::{Entries, RawIngest, RawLimits, RawModel, RawPolicy, Text};
use super::sink::{self, Sink};
use super::topics::{covers, share_a_broker};
use super::units::show_duration;

/// Checks `policy`, which was resolved from `raw`.
pub(super) fn check(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    check_sinks(raw, checks);
    check_loops(raw, policy, checks);
    check_waits(raw, policy, checks);
    check_threads(raw, policy, checks);
    check_batches(raw, policy, checks);
    check_objects(raw, policy, checks);
    check_prefixes(raw, policy, checks);
    check_members(raw, policy, checks);
    check_transactions(raw, policy, checks);
}

fn check_sinks(raw: &RawPolicy, checks: &mut Checks) {
    if let Some(ingest) = &raw.ingest
        && !ingest.value.is_empty()
        && raw.sinks.as_ref().is_none_or(Vec::is_empty)
    {
        checks.wrong(
            ingest,
            "results of ingest need a sink; write `sinks: [jsonl: { path: results.jsonl }]`",
        );
    }
}

/// A topic of results may not be read as one of records, nor hold dead letters.
fn check_loops(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    for sink in sink::kafka(raw) {
        let topics = std::iter::once(&sink.topic).chain(&sink.drops);
        for (topic, ingest) in
            topics.flat_map(|topic| policy.ingest.iter().map(move |i| (topic, i)))
        {
            if !share_a_broker(&sink.brokers.value, &ingest.brokers) {
                continue;
            }
            let name = quote(&topic.value);
            if covers(ingest.topics.iter().map(String::as_str), &topic.value) {
                let reason = format!(
                    "{name} is one of the topics that ingest reads from these brokers, so results \
                     would come in again; name another"
                );
                checks.wrong(topic, reason);
            } else if ingest.dead_letter.as_ref() == Some(&topic.value) {
                checks.wrong(topic, format!("{name} is the topic of dead letters; name another"));
            }
        }
    }
}

/// A batch may not wait as long as its entries live.
fn check_waits(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    let timeout = raw.server.as_ref().and_then(|server| server.default_timeout.as_ref());
    for ((_, raw_model), model) in models(raw, policy) {
        let wait = raw_model.latency_slo.as_ref().or(raw_model.batch_wait_timeout.as_ref());
        let default_timeout = policy.server.default_timeout;
        check_wait(model, default_timeout, "server.default_timeout", &[wait, timeout], checks);
        for (raw_ingest, ingest) in raw.ingest().iter().zip(&policy.ingest) {
            if let Some(age) = ingest.max_frame_age.filter(|_| ingest.models.contains(&model.name))
            {
                check_wait(
                    model,
                    age,
                    "the max_frame_age of its ingest",
                    &[wait, raw_ingest.max_frame_age.as_ref()],
                    checks,
                );
            }
        }
    }
}

fn check_wait(
    model: &Model,
    limit: Duration,
    name: &str,
    written: &[Option<&Text>],
    checks: &mut Checks,
) {
    let (key, wait) = match model.batching {
        Batching::WaitTimeout(wait) => ("batch_wait_timeout", wait),
        Batching::LatencySlo(slo) => ("latency_slo", slo),
    };
    if wait >= limit {
        let (wait, limit) = (show_duration(wait), show_duration(limit));
        let reason =
            format!("{key} of `{}` ({wait}) must be shorter than {name} ({limit})", model.name);
        checks.wrong_together(written, reason);
    }
}

/// The fewest replicas must fit the machine's share; simulated ones compute nothing.
fn check_threads(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    let limit = policy.limits.replica_threads;
    let raw_limit = raw.limits.as_ref().and_then(|limits| limits.replica_threads.as_ref());
    let mut total = 0;
    for ((name, raw), model) in
        models(raw, policy).filter(|(_, model)| matches!(model.backend, Backend::Onnx { .. }))
    {
        let raw_threads = raw.num_threads.as_ref();
        let raw_min =
            raw.autoscaling.as_ref().and_then(|autoscaling| autoscaling.min_replicas.as_ref());
        if !checks.sound(&[raw_limit, raw_threads, raw_min]) {
            continue;
        }
        if model.num_threads > limit {
            let reason = format!(
                "num_threads may be at most limits.replica_threads ({limit}); lower it or raise that"
            );
            checks.wrong_together(&[raw_threads, raw_limit], reason);
            continue;
        }
        let fitted = total <= limit;
        total += model.num_threads * model.autoscaling.min_replicas as usize;
        if fitted && total > limit {
            checks.wrong_name(name, threads_reason(total, limit));
        }
    }
}

fn threads_reason(total: usize, limit: usize) -> String {
    format!(
        "num_threads × min_replicas of the onnx models up to this one come to {total} threads, but \
         limits.replica_threads is {limit}; lower those or raise that"
    )
}

/// A batch that is larger than the queue would never be full. Defaults give way to what is written.
fn check_batches(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    for ((_, raw), model) in models(raw, policy) {
        let (batch, queued) = (&raw.max_batch_size, &raw.max_queued_requests);
        if let (Some(batch), Some(queued)) = (batch, queued)
            && model.max_batch_size > model.max_queued_requests
        {
            let reason = format!(
                "may be at most max_queued_requests ({}); lower it or raise that",
                model.max_queued_requests
            );
            checks.wrong_together(&[Some(batch), Some(queued)], reason);
        }
    }
}

/// No frame is smaller decoded than encoded, so larger objects could never be used.
fn check_objects(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    let Some(RawLimits { object_bytes: Some(object), frame_bytes: Some(frames), .. }) = &raw.limits
    else {
        return;
    };
    if policy.limits.object_bytes > policy.limits.frame_bytes {
        let reason = format!(
            "one object may be larger than frame_bytes, all decoded frames together ({}); lower it or raise that",
            quote(&frames.value)
        );
        checks.wrong_together(&[Some(object), Some(frames)], reason);
    }
}

/// A prefix that names a bucket names one of the policy's.
fn check_prefixes(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    let prefixes = raw.ingest().iter().filter_map(|item| item.record.as_ref()?.uri_prefix.as_ref());
    for prefix in prefixes {
        let Some((name, rest)) = prefix.value.split_once(':') else { continue };
        let known = || policy.buckets.iter().map(|bucket| bucket.name.as_str());
        let is_url = rest.starts_with("//") || name == "file";
        if is_name(name) && !is_url && !known().any(|bucket| bucket == name) {
            let instead = instead(name, known());
            checks.wrong(prefix, format!("unknown bucket {}; {instead}", quote(name)));
        }
    }
}

/// Kafka fences off one of two members that say they are the same.
fn check_members(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    let mut members = Vec::new();
    for (RawIngest { kafka, group_instance_id, .. }, ingest) in
        raw.ingest().iter().zip(&policy.ingest)
    {
        let (Some(id), Some(name)) = (group_instance_id, &ingest.instance_id) else { continue };
        let member = (&kafka.brokers.value, &kafka.group.value, name);
        if members.contains(&member) {
            let reason = "another ingest is this member of the group already; name it otherwise";
            checks.wrong(id, reason);
        }
        members.push(member);
    }
}

/// A transaction is of one cluster, and of one name that outlives the gateway.
fn check_transactions(raw: &RawPolicy, policy: &Policy, checks: &mut Checks) {
    for (raw_ingest, ingest) in raw.ingest().iter().zip(&policy.ingest) {
        let Some(delivery) = &raw_ingest.delivery else { continue };
        if ingest.delivery == Delivery::ExactlyOnce
            && let Some(reason) = no_transactions(ingest, &policy.sinks)
        {
            checks.wrong(delivery, reason);
        }
    }
}

/// Why nothing can be written in transactions.
fn no_transactions(ingest: &Ingest, sinks: &[Sink]) -> Option<&'static str> {
    if ingest.instance_id.is_none() {
        return Some(
            "exactly_once needs a `group_instance_id`, which names the gateway's transactions; \
             write one that is this gateway's alone, such as { env: POD_NAME }",
        );
    }
    let elsewhere = |sink: &Sink| match sink {
        Sink::Jsonl(_) => Some(
            "exactly_once needs every sink in Kafka, and there is a jsonl sink; remove that or \
             write at_least_once",
        ),
        Sink::Kafka(kafka) if !share_a_broker(&kafka.brokers, &ingest.brokers) => Some(
            "exactly_once needs every sink on the brokers of the ingest, since a transaction is of \
             one cluster; write the same brokers or at_least_once",
        ),
        Sink::Kafka(_) => None,
    };
    let compressions = || {
        sinks.iter().filter_map(|sink| match sink {
            Sink::Kafka(kafka) => Some(kafka.compression),
            Sink::Jsonl(_) => None,
        })
    };
    let differ = || compressions().zip(compressions().skip(1)).any(|(one, next)| one != next);
    sinks.iter().find_map(elsewhere).or_else(|| {
        differ().then_some(
            "exactly_once writes all sinks with one producer; give them the same `compression`",
        )
    })
}

/// Each model as it was written and as it runs.
fn models<'a>(
    raw: &'a RawPolicy,
    policy: &'a Policy,
) -> impl Iterator<Item = (&'a (Text, RawModel), &'a Model)> {
    let Entries(written) = &raw.models.value;
    written.iter().zip(&policy.models)
}
