//! The listeners: gRPC over HTTP/2, and HTTP for metrics and probes.

mod calls;
mod connections;
mod health;
mod http;
mod stack;
mod turn;

pub use connections::{ConnectionLimits, serve_grpc};
pub use health::Health;
pub use http::{Readiness, serve_http};
pub use stack::{GrpcStack, Stack};
