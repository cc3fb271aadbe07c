//! Framegate's gateway: takes references to frames in by gRPC and Kafka, serves them with pools of
//! model replicas, and delivers the results.
//!
//! ```text
//!  grpc ──┐                                      ┌─► grpc
//!         ├─► admission ─► pool ─► (replicas) ───┤
//!  ingest ┘                                      └─► sink ─► ingest (offsets)
//! ```

pub mod admission;
mod backoff;
pub mod board;
pub mod camera;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod embedded_broker;
pub mod gateway;
pub mod grpc;
pub mod ingest;
pub mod intake;
mod kafka;
pub mod live;
pub mod metrics;
pub mod policy;
pub mod pool;
pub mod reference;
pub mod routes;
pub mod server;
pub mod simulate;
pub mod sink;
pub mod top;
