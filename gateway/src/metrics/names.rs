//! The name of every metric, with its kind, its labels and what it counts. The comment is its help, in Prometheus and in
//! docs/metrics.md, so it says all that a user must know.

use super::{Metric, MetricKind};

/// Declares each metric once: as a constant, and in `ALL`.
macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $id:ident = $kind:ident $name:literal [$($label:literal),*];)+) => {
        $(
            $(#[doc = $help])+
            pub const $id: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                labels: &[$($label),*],
                help: concat!($($help),+).trim_ascii(),
            };
        )+

        /// Every metric, in the order of the reference.
        pub const ALL: &[Metric] = &[$($id),+];
    };
}

metrics! {
    /// Records taken from the topics
    INGEST_RECORDS = Counter "framegate_ingest_records_total" ["group"];
    /// Records that cannot be read; each of their entries is dead-lettered
    INGEST_BAD_RECORDS = Counter "framegate_ingest_bad_records_total" ["group", "reason"];
    /// Records taken and not done; at most max_in_flight
    INGEST_IN_FLIGHT = Gauge "framegate_ingest_in_flight_records" ["group"];
    /// Ends of (record, model), each counted once it is acknowledged; outcome is delivered,
    /// dropped or dead_lettered
    INGEST_OUTCOMES = Counter "framegate_ingest_outcomes_total" ["model", "outcome", "reason"];
    /// Entries that were queued again after an error, by the error's reason
    INGEST_RETRIES = Counter "framegate_ingest_retries_total" ["reason"];
    /// Commits of a partition's offset; result is what the broker answered, acknowledged or
    /// failed
    INGEST_COMMITS = Counter "framegate_ingest_commits_total" ["group", "result"];
    /// Memberships of the group that this gateway has lost for good; each time it joins anew
    INGEST_LOST_MEMBERSHIPS = Counter "framegate_ingest_lost_memberships_total" ["group"];
    /// Partitions assigned to this gateway
    INGEST_PARTITIONS = Gauge "framegate_ingest_partitions" ["group"];
    /// Partitions from which nothing is taken until there is room
    INGEST_PAUSED_PARTITIONS = Gauge "framegate_ingest_paused_partitions" ["group"];
    /// Records handed out by librdkafka while there was no room; about 32 pause the partitions
    INGEST_HELD_RECORDS = Gauge "framegate_ingest_held_records" ["group"];
    /// Records in the assigned partitions that were not taken yet
    INGEST_LAG_RECORDS = Gauge "framegate_ingest_lag_records" ["group"];
    /// Time from an entry's answer until every sink has acknowledged it
    INGEST_DELIVERY_SECONDS = Seconds "framegate_ingest_delivery_seconds" ["group"];
    /// Time from a frame's capture until its result was delivered
    INGEST_FRAME_AGE_SECONDS = Seconds "framegate_ingest_frame_age_seconds" ["model"];
    /// Entries that the dead-letter topic has acknowledged
    INGEST_DEAD_LETTERS = Counter "framegate_ingest_dead_letters_total" ["group"];
    /// Failed tries to write to a sink or to the dead-letter topic; each is repeated
    INGEST_DELIVERY_FAILURES = Counter "framegate_ingest_delivery_failures_total" ["group"];
    /// Records of a topic's partitions assigned to this gateway that were not taken yet. The
    /// first 2000 topics that a gateway reads have their own series, further ones share `other`
    TOPIC_LAG_RECORDS = Gauge "framegate_topic_lag_records" ["group", "topic"];
    /// Age of a topic's oldest record that is not done, in its partitions assigned to this
    /// gateway; 0 when all are done. By Kafka's timestamp; of a record that was not taken yet, what
    /// it is at most. While a partition is paused it grows, since nothing is seen of it
    TOPIC_LAG_SECONDS = Gauge "framegate_topic_lag_seconds" ["group", "topic"];
    /// A topic's partitions of which nothing is fetched until there is room
    TOPIC_PAUSED_PARTITIONS = Gauge "framegate_topic_paused_partitions" ["group", "topic"];
    /// Records of a topic that were taken and are not done
    TOPIC_IN_FLIGHT = Gauge "framegate_topic_in_flight_records" ["group", "topic"];
    /// Records of a topic that acknowledged commits passed, by offset
    TOPIC_COMMITTED = Counter "framegate_topic_committed_records_total" ["group", "topic"];
    /// Entries of a topic that the policy had dropped
    TOPIC_DROPS = Counter "framegate_topic_drops_total" ["group", "topic", "reason"];
    /// Entries of a topic that ended as dead letters, or without a dead-letter topic as error
    /// results
    TOPIC_DEAD_LETTERS = Counter "framegate_topic_dead_letters_total" ["group", "topic"];
    /// Entries that ended; reason is OK, or that of the error. Requests for unknown models have
    /// the model `-`
    ANSWERS = Counter "framegate_answers_total" ["model", "reason"];
    /// Time that served entries spent in each stage: queue, fetch, decode, prepare, batch_wait,
    /// execute
    STAGE = Seconds "framegate_stage_seconds" ["model", "stage"];
    /// Entries executed together, seen by each served entry
    BATCH_SIZE = Sizes "framegate_batch_size" ["model"];
    /// Entries that a batch may have now: max_batch_size, or under latency_slo what was found
    BATCH_SIZE_LIMIT = Gauge "framegate_batch_size_limit" ["model"];
    /// Entries that wait in the pool's queue
    QUEUED = Gauge "framegate_queued_requests" ["model"];
    /// Entries queued or claimed and not finished
    ONGOING = Gauge "framegate_ongoing_requests" ["model"];
    /// Replicas that the autoscaler wants
    DESIRED_REPLICAS = Gauge "framegate_desired_replicas" ["model"];
    /// Replicas in each state: starting, running, draining, failed
    REPLICAS = Gauge "framegate_replicas" ["model", "state"];
    /// Frames loaded for an entry; kind is decoded (reloads included), reloaded after an
    /// eviction, or shared with another model of the request
    FRAME_LOADS = Counter "framegate_frame_loads_total" ["kind"];
    /// Cameras that are counted; at most 10000
    CAMERAS = Gauge "framegate_cameras" [];
    /// Frames counted under no camera, because no more cameras are counted
    UNCOUNTED_CAMERA_FRAMES = Counter "framegate_uncounted_camera_frames_total" [];
    /// Objects fetched over a network; result is OK, the reason of the error, or DEPARTED where
    /// nobody waited for it any more
    BUCKET_FETCHES = Counter "framegate_bucket_fetches_total" ["bucket", "result"];
    /// Tries to fetch an object after a failed one
    BUCKET_RETRIES = Counter "framegate_bucket_retries_total" ["bucket"];
    /// Bytes of objects that came over a network, those of failed tries included
    BUCKET_BYTES = Counter "framegate_bucket_fetched_bytes_total" ["bucket"];
    /// Time of fetching an object over a network, with all its tries
    BUCKET_FETCH_SECONDS = Seconds "framegate_bucket_fetch_seconds" ["bucket"];
    /// Decoded frames that were dropped to make room for others
    FRAME_EVICTIONS = Counter "framegate_frame_evictions_total" [];
    /// Bytes of decoded frames in memory; kind is pinned by a load, or cached for the other
    /// models of a request
    FRAME_BYTES = Gauge "framegate_frame_bytes" ["kind"];
    /// Policies that were asked for while the gateway ran; source is file, signal, call or rollback,
    /// result is applied, refused or unchanged
    POLICY_CHANGES = Counter "framegate_policy_changes_total" ["source", "result"];
    /// Counts the policies that were in force, from 1 at the start
    POLICY_GENERATION = Gauge "framegate_policy_generation" [];
    /// When the policy in force was applied, in seconds since 1970
    POLICY_APPLIED = Gauge "framegate_policy_applied_timestamp_seconds" [];
    /// Processor time that the process has used
    PROCESS_CPU = Gauge "process_cpu_seconds_total" [];
    /// Memory of the process that is resident
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" [];
    /// Tasks of the runtime that have not ended: connections, calls and the gateway's own
    TASKS = Gauge "framegate_tasks" [];
}
