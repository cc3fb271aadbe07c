use std::time::Duration;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::security::secure;
use crate::policy::Security;

/// How often a client reports on itself, which its `Watch` looks at.
pub(crate) const STATISTICS_INTERVAL: Duration = Duration::from_secs(2);

/// The settings of every client.
pub(crate) fn common(brokers: &str, security: &Security) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "framegate")
        .set("socket.keepalive.enable", "true")
        .set("statistics.interval.ms", milliseconds(STATISTICS_INTERVAL))
        // The default of 10 s would keep a client away for that long after a broker's restart.
        .set("reconnect.backoff.max.ms", "2000")
        .set_log_level(RDKafkaLogLevel::Warning);
    secure(&mut config, security);
    config
}

/// The settings of every producer: what it sends is acknowledged by all in-sync replicas, and what
/// it sends again by itself is not written twice.
pub(crate) fn producer(brokers: &str, security: &Security) -> ClientConfig {
    let mut config = common(brokers, security);
    config.set("enable.idempotence", "true").set("acks", "all");
    config
}

/// A duration as librdkafka takes it; never 0, which often means something else.
pub(crate) fn milliseconds(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}
