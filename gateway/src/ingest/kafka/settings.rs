use std::time::Duration;

use rdkafka::ClientConfig;

use crate::{
    kafka::{self, common, milliseconds},
    policy::{Ingest, KafkaSink, Security, Start},
    sink::producer_settings,
};

/// How often the consumer reports on itself, and so on the ends of its partitions.
pub(super) const STATISTICS_INTERVAL: Duration = Duration::from_millis(500);
/// How long a dead letter may be under way before its failure is logged and it is sent anew.
const DEAD_LETTER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a member tells its group that it lives, and learns in turn that another has come or
/// gone. A rebalance waits for the last of them, twice where partitions change hands, and the default
/// is 3 s. The shortest session has 12 of these.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// A broker answers a fetch as soon as it has so much. Each fetch names every partition, so one for
/// every few records would cost more than the records: at 150 partitions, three times the
/// processor time of the client.
const FETCH_MIN_BYTES: &str = "16384";
/// How long a broker may hold a fetch open for that much to come. It bounds the age that a frame
/// gains on its way.
const FETCH_WAIT: Duration = Duration::from_millis(20);
/// What librdkafka may fetch ahead, in all partitions together.
const FETCHED_AHEAD_KIB: &str = "16384";
/// Records of one partition that librdkafka may fetch ahead. Small ones take several times their
/// size in its memory, which the bound on bytes does not count.
const FETCHED_AHEAD: &str = "1000";
/// What one fetch may bring of a partition, but at least one batch. The default of 1 MiB is thousands
/// of small records more than [`FETCHED_AHEAD`] wherever a backlog is read on.
const FETCHED_AT_ONCE: &str = "65536";
/// The largest dead letter: a record that Kafka took by its defaults, with its headers.
const MAX_DEAD_LETTER: u64 = 2 << 20;
/// How long a transaction may be open: it is begun when all that belongs to it is there, so this is
/// the time to write it. What a killed gateway leaves open holds up readers no longer than this.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of the consumer: offsets are committed by us alone. Of those that a transaction
/// holds it learns once that is over, and so of records that another instance has written.
pub(super) fn consumer(ingest: &Ingest, instance: Option<&str>) -> ClientConfig {
    let mut config = common(&ingest.brokers, &ingest.security);
    config
        .set("group.id", &ingest.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", reset(ingest.start))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", milliseconds(ingest.session_timeout))
        .set("heartbeat.interval.ms", milliseconds(HEARTBEAT))
        .set("max.poll.interval.ms", milliseconds(poll_interval(ingest.session_timeout)))
        .set("topic.metadata.refresh.interval.ms", milliseconds(ingest.metadata_refresh))
        .set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB)
        .set("queued.min.messages", FETCHED_AHEAD)
        .set("max.partition.fetch.bytes", FETCHED_AT_ONCE)
        .set("fetch.min.bytes", FETCH_MIN_BYTES)
        .set("fetch.wait.max.ms", milliseconds(FETCH_WAIT))
        .set("statistics.interval.ms", milliseconds(STATISTICS_INTERVAL));
    config.set("isolation.level", "read_committed");
    if let Some(instance) = instance {
        config.set("group.instance.id", instance);
    }
    config
}

/// The settings of the producer of dead letters: none lost, none twice.
pub(super) fn producer(brokers: &str, security: &Security) -> ClientConfig {
    let mut config = kafka::producer(brokers, security);
    config
        .set("linger.ms", "5")
        .set("message.max.bytes", MAX_DEAD_LETTER.to_string())
        .set("message.timeout.ms", milliseconds(DEAD_LETTER_TIMEOUT));
    config
}

/// The settings of the producer of transactions to all `sinks` (at least one) and the dead-letter
/// topic. Who starts with its `transactional.id` ends what a predecessor of the same name has left
/// open, and shuts that out should it still run.
pub(super) fn transactional(
    ingest: &Ingest,
    instance: Option<&str>,
    sinks: &[KafkaSink],
) -> ClientConfig {
    // Nobody gets here without one: the policy demands it.
    let instance = instance.unwrap_or_default();
    let most = |of: fn(&KafkaSink) -> u64| sinks.iter().map(of).max().unwrap_or(0);
    let largest = most(|sink| sink.max_message_bytes).max(MAX_DEAD_LETTER);
    let queued = most(|sink| sink.max_queued_bytes);
    let messages = most(|sink| sink.max_queued_messages as u64);
    let mut config = sinks
        .first()
        .map_or_else(|| kafka::producer(&ingest.brokers, &ingest.security), producer_settings);
    config
        .set("bootstrap.servers", &ingest.brokers)
        .set("transactional.id", format!("framegate/{}/{instance}", ingest.group))
        .set("transaction.timeout.ms", milliseconds(TRANSACTION_TIMEOUT))
        .set("message.timeout.ms", milliseconds(TRANSACTION_TIMEOUT))
        .set("message.max.bytes", largest.to_string())
        .set("queue.buffering.max.messages", messages.to_string())
        .set("queue.buffering.max.kbytes", (queued >> 10).to_string());
    config
}

/// Where a partition begins for which the group has no committed offset.
fn reset(start: Start) -> &'static str {
    match start {
        Start::Committed | Start::Earliest => "earliest",
        Start::Latest => "latest",
    }
}

/// Our thread stays away from its poll for about 15 s at most: a revocation waits for what is in
/// flight and for a commit, an assignment for the group's offsets. librdkafka wants at least the
/// session. It is also what a rebalance waits for a member that does not answer, and a member for
/// an answer that a coordinator has dropped; so not the default of 5 minutes.
fn poll_interval(session: Duration) -> Duration {
    session.max(Duration::from_secs(45))
}
