//! What the commands print for people and programs; logs go elsewhere.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, Write};

/// Prints a line to stdout at once, also where stdout is a pipe.
pub fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    // A closed pipe means that nobody reads; that is no reason to stop serving.
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Prints to stderr what the user has to change.
pub fn problem(text: &str) {
    eprintln!("{text}");
}

/// Shows a line at a terminal's bottom, on stderr, until the next one or a log line takes its place.
pub fn passing(text: &str) {
    eprint!("\r\x1b[K{text}\r");
}
