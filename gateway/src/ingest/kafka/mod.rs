//! The only part of the ingress that knows rdkafka.

mod beginning;
mod committer;
mod consumer;
mod context;
mod dead_letters;
mod errands;
mod finder;
mod group;
mod holds;
mod ingest;
mod member;
mod message;
mod settings;
mod statistics;
mod status;
mod transactions;

#[cfg(test)]
mod tests;

pub use dead_letters::DeadLetters;
pub use ingest::KafkaIngest;
