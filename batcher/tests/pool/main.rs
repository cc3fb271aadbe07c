//! The queue as its users see it: the clock, the wake-ups, and many threads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod concurrency;
mod probe;
mod timing;
mod waking;
