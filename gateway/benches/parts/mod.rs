//! What is measured of the gateway: the parts, and the data that they work on.

pub mod calls;
pub mod offsets;
pub mod results;
