//! `framegate doctor`: what this machine offers, what each part that is missing would enable, and how to get it.

mod look;
mod parts;
mod report;

pub use parts::examine;
pub use report::{Finding, Report};
