//! A replica: the worker that pulls from the pool's queue and has batches executed.

mod grace;
mod pull;
mod ready;
mod replica;

pub use grace::GracePeriod;
pub use replica::{ReplicaFailure, ReplicaSpec, ReplicaState, ReplicaStatus};

#[cfg(test)]
mod tests;
