//! The name of every metric, with what it counts and its unit.

use super::Metric;

/// Labelled by `group`.
pub const INGEST_RECORDS: Metric =
    Metric { name: "framegate_ingest_records_total", help: "Records taken from the topics" };

/// Labelled by `group` and `reason`.
pub const INGEST_BAD_RECORDS: Metric = Metric {
    name: "framegate_ingest_bad_records_total",
    help: "Records that cannot be read; each of their entries is dead-lettered",
};

/// Labelled by `group`.
pub const INGEST_IN_FLIGHT: Metric = Metric {
    name: "framegate_ingest_in_flight_records",
    help: "Records taken and not done; at most max_in_flight",
};

/// Labelled by `model`, `outcome` (delivered, dropped, dead_lettered) and `reason`.
pub const INGEST_OUTCOMES: Metric = Metric {
    name: "framegate_ingest_outcomes_total",
    help: "Ends of (record, model), each counted once it is acknowledged",
};

/// Labelled by `reason`, that of the error.
pub const INGEST_RETRIES: Metric = Metric {
    name: "framegate_ingest_retries_total",
    help: "Entries that were queued again after an error",
};

/// Labelled by `group` and `result` (acknowledged, failed).
pub const INGEST_COMMITS: Metric = Metric {
    name: "framegate_ingest_commits_total",
    help: "Commits of a partition's offset, by what the broker answered",
};

/// Labelled by `group`.
pub const INGEST_PARTITIONS: Metric =
    Metric { name: "framegate_ingest_partitions", help: "Partitions assigned to this gateway" };

/// Labelled by `group`.
pub const INGEST_PAUSED_PARTITIONS: Metric = Metric {
    name: "framegate_ingest_paused_partitions",
    help: "Partitions from which nothing is taken until there is room",
};

/// Labelled by `group`.
pub const INGEST_HELD_RECORDS: Metric = Metric {
    name: "framegate_ingest_held_records",
    help: "Records handed out by librdkafka while there was no room; about 32 pause the partitions",
};

/// Labelled by `group`.
pub const INGEST_LAG_RECORDS: Metric = Metric {
    name: "framegate_ingest_lag_records",
    help: "Records in the assigned partitions that were not taken yet",
};

/// Labelled by `group`.
pub const INGEST_DELIVERY_SECONDS: Metric = Metric {
    name: "framegate_ingest_delivery_seconds",
    help: "Time from an entry's answer until every sink has acknowledged it",
};

/// Labelled by `model`.
pub const INGEST_FRAME_AGE_SECONDS: Metric = Metric {
    name: "framegate_ingest_frame_age_seconds",
    help: "Time from a frame's capture until its result was delivered",
};

/// Labelled by `group`.
pub const INGEST_DEAD_LETTERS: Metric = Metric {
    name: "framegate_ingest_dead_letters_total",
    help: "Entries that the dead-letter topic has acknowledged",
};

/// Labelled by `group`.
pub const INGEST_DELIVERY_FAILURES: Metric = Metric {
    name: "framegate_ingest_delivery_failures_total",
    help: "Failed tries to write to a sink or to the dead-letter topic; each is repeated",
};

/// Labelled by `model` and `reason`: `OK`, or the reason of the error.
pub const ANSWERS: Metric =
    Metric { name: "framegate_answers_total", help: "Entries that ended, by how they ended" };

/// Labelled by `model` and `stage`.
pub const STAGE: Metric = Metric {
    name: "framegate_stage_seconds",
    help: "Time that served entries spent in each stage: queue, fetch, decode, prepare, batch_wait, execute",
};

/// Labelled by `model`.
pub const BATCH_SIZE: Metric = Metric {
    name: "framegate_batch_size",
    help: "Entries executed together, seen by each served entry",
};

/// Labelled by `model`.
pub const QUEUED: Metric =
    Metric { name: "framegate_queued_requests", help: "Entries that wait in the pool's queue" };

/// Labelled by `model`.
pub const ONGOING: Metric = Metric {
    name: "framegate_ongoing_requests",
    help: "Entries queued or claimed and not finished",
};

/// Labelled by `model`.
pub const DESIRED_REPLICAS: Metric =
    Metric { name: "framegate_desired_replicas", help: "Replicas that the autoscaler wants" };

/// Labelled by `model` and `state`.
pub const REPLICAS: Metric = Metric { name: "framegate_replicas", help: "Replicas in each state" };

/// Labelled by `kind`: `decoded` (reloads included), `reloaded` after an eviction, or `shared` with
/// another model of the request.
pub const FRAME_LOADS: Metric =
    Metric { name: "framegate_frame_loads_total", help: "Frames loaded for an entry" };

/// Without labels.
pub const CAMERAS: Metric =
    Metric { name: "framegate_cameras", help: "Cameras that are counted; at most 10000" };

/// Without labels.
pub const UNCOUNTED_CAMERA_FRAMES: Metric = Metric {
    name: "framegate_uncounted_camera_frames_total",
    help: "Frames counted under no camera, because no more cameras are counted",
};

/// Without labels.
pub const FRAME_EVICTIONS: Metric = Metric {
    name: "framegate_frame_evictions_total",
    help: "Decoded frames that were dropped to make room for others",
};

/// Labelled by `kind`: `pinned` by a load, or `cached` for the other models of a request.
pub const FRAME_BYTES: Metric =
    Metric { name: "framegate_frame_bytes", help: "Bytes of decoded frames in memory" };
