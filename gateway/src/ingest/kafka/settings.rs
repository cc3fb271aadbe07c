use std::time::Duration;

use rdkafka::ClientConfig;

use crate::{
    kafka::{self, common, milliseconds},
    policy::{Ingest, Security, Start},
};

/// How often librdkafka reports the ends of the partitions.
pub(super) const STATISTICS_INTERVAL: Duration = Duration::from_millis(500);
/// How long a dead letter may be under way before its failure is logged and it is sent anew.
const DEAD_LETTER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest heartbeat interval, which is librdkafka's default.
const MAX_HEARTBEAT: Duration = Duration::from_secs(3);
/// A broker answers a fetch as soon as it has so much. Each fetch names every partition, so one for
/// every few records would cost more than the records: at 150 partitions, three times the
/// processor time of the client.
const FETCH_MIN_BYTES: &str = "16384";
/// How long a broker may hold a fetch open for that much to come. It bounds the age that a frame
/// gains on its way.
const FETCH_WAIT: Duration = Duration::from_millis(20);
/// What librdkafka may fetch ahead, in all partitions together.
const FETCHED_AHEAD_KIB: &str = "16384";
/// The largest dead letter: a record that Kafka took by its defaults, with its headers.
const MAX_DEAD_LETTER_BYTES: &str = "2097152";

/// The settings of the consumer: offsets are committed by us alone.
pub(super) fn consumer(ingest: &Ingest) -> ClientConfig {
    let mut config = common(&ingest.brokers, &ingest.security);
    config
        .set("group.id", &ingest.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", reset(ingest.start))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", milliseconds(ingest.session_timeout))
        .set("heartbeat.interval.ms", milliseconds(heartbeat(ingest.session_timeout)))
        .set("max.poll.interval.ms", milliseconds(poll_interval(ingest.session_timeout)))
        .set("topic.metadata.refresh.interval.ms", milliseconds(ingest.metadata_refresh))
        .set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB)
        .set("fetch.min.bytes", FETCH_MIN_BYTES)
        .set("fetch.wait.max.ms", milliseconds(FETCH_WAIT))
        .set("statistics.interval.ms", milliseconds(STATISTICS_INTERVAL));
    if let Some(instance) = &ingest.instance_id {
        config.set("group.instance.id", instance);
    }
    config
}

/// The settings of the producer of dead letters: none lost, none twice.
pub(super) fn producer(brokers: &str, security: &Security) -> ClientConfig {
    let mut config = kafka::producer(brokers, security);
    config
        .set("linger.ms", "5")
        .set("message.max.bytes", MAX_DEAD_LETTER_BYTES)
        .set("message.timeout.ms", milliseconds(DEAD_LETTER_TIMEOUT));
    config
}

/// Where a partition begins for which the group has no committed offset.
fn reset(start: Start) -> &'static str {
    match start {
        Start::Committed | Start::Earliest => "earliest",
        Start::Latest => "latest",
    }
}

/// Three in a session, so that a lost one does not end it.
fn heartbeat(session: Duration) -> Duration {
    (session / 3).min(MAX_HEARTBEAT)
}

/// Our thread never stays away from its poll for long; librdkafka wants at least the session.
fn poll_interval(session: Duration) -> Duration {
    session.max(Duration::from_secs(300))
}
