//! A replica: the worker that pulls from the pool's queue, and the thread that executes batches.

mod executor;
mod pull;
mod ready;
mod replica;
mod warm_up;

pub use replica::{ReplicaFailure, ReplicaSpec, ReplicaState, ReplicaStatus};

#[cfg(test)]
mod tests;
