//! `framegate top`: a gateway's pools, cameras and latest results in the terminal, or as plain lines.
//!
//! ```text
//!  gateway ─► client ─► history ─► screen ─► view ─► terminal
//!            (gRPC)    (rates)      ▲  └───► plain ─► stdout
//!                                   keys
//! ```

mod client;
mod console;
mod history;
mod keys;
mod options;
mod plain;
mod run;
mod screen;
mod stderr;
#[cfg(test)]
mod testing;
mod view;

pub use console::Console;
pub use options::{Options, is_terminal};
pub use run::{print, print_once, show};
