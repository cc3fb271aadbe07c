//! Places where tests make things fail; compiled by the feature `failpoints` alone.
//!
//! The environment says what happens where, in the words of the crate `fail`: `FAILPOINTS` holds
//! `POINT=[PERCENT%][COUNT*]return(FAULT)`, several faults of a point joined by `->` and several
//! points by `;`. The faults: `error`, `panic`, `hang` for ever, `hang:MILLISECONDS`, and `kill`,
//! the process's own SIGKILL. So `fetch.after=20*off->3%return(kill)` passes 20 times and kills
//! with 3 % of the further fetches. Each fault is logged before it strikes.

use std::{env, future, thread, time::Duration};

use rustix::process::{Signal, getpid, kill_process};

/// Every place, in the order in which a record passes them.
pub const POINTS: [&str; 14] = [
    COMMIT_ON_RECEIPT,
    POISON,
    "fetch.before",
    "fetch.after",
    "decode.before",
    "decode.after",
    "execute.before",
    "execute.after",
    "dead_letter.before",
    "dead_letter.after",
    "sink.before",
    "sink.after",
    "commit.before",
    "commit.after",
];

/// No place but a planted bug, which those that look for lost records must find: records count as
/// done when they are taken.
pub const COMMIT_ON_RECEIPT: &str = "commit.on_receipt";

/// Strikes only where a batch holds a frame that [`is_poison`].
pub const POISON: &str = "execute.poison";

/// Whether an input is of a frame that is magenta all over, which no camera sees.
pub fn is_poison(pixels: &[u8]) -> bool {
    pixels.chunks_exact(3).all(|pixel| pixel == [255, 0, 255])
}

/// What can happen at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It fails, with an error of the place's own kind.
    Error,
    /// It panics.
    Panic,
    /// It stands still, for ever or so long.
    Hang(Option<Duration>),
    /// The process is killed.
    Kill,
}

/// Takes the faults over that the environment names.
///
/// # Errors
/// What is wrong with them.
pub fn arm() -> Result<(), String> {
    let text = env::var("FAILPOINTS").unwrap_or_default();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (point, actions) =
            part.split_once('=').ok_or_else(|| format!("FAILPOINTS: {part}: no = in it"))?;
        if !POINTS.contains(&point) {
            return Err(format!("FAILPOINTS: no point {point}; one of {}", POINTS.join(", ")));
        }
        fail::cfg(point, actions).map_err(|why| format!("FAILPOINTS: {part}: {why}"))?;
        tracing::warn!(point, actions, "failpoint armed");
    }
    Ok(())
}

/// Whether the planted bug is there.
pub fn is_planted(bug: &str) -> bool {
    fail::eval(bug, |_| ()).is_some()
}

/// Lets the fault strike that is due at the place, if one is; it may block the thread. True if the
/// place is to fail with an error.
// A fault that takes time blocks on purpose.
#[allow(clippy::disallowed_methods)]
pub fn strikes(point: &str) -> bool {
    match due(point) {
        None => false,
        Some(Fault::Hang(Some(time))) => {
            thread::sleep(time);
            false
        }
        Some(Fault::Hang(None)) => loop {
            thread::park();
        },
        Some(fault) => fault.ends_a_step(point),
    }
}

/// The same, but where it stands still only its own task does.
pub async fn strikes_task(point: &str) -> bool {
    match due(point) {
        None => false,
        Some(Fault::Hang(Some(time))) => {
            tokio::time::sleep(time).await;
            false
        }
        Some(Fault::Hang(None)) => future::pending().await,
        Some(fault) => fault.ends_a_step(point),
    }
}

fn due(point: &str) -> Option<Fault> {
    let argument = fail::eval(point, |argument| argument)?;
    let fault = Fault::named(argument.as_deref().unwrap_or("error"));
    tracing::warn!(point, fault = ?fault, "failpoint struck");
    Some(fault)
}

impl Fault {
    /// What has no meaning is a mistake of the test, which shall not pass by it.
    fn named(name: &str) -> Self {
        match name.split_once(':') {
            None if name == "error" => Self::Error,
            None if name == "panic" => Self::Panic,
            None if name == "hang" => Self::Hang(None),
            None if name == "kill" => Self::Kill,
            Some(("hang", time)) if time.parse::<u64>().is_ok() => {
                Self::Hang(time.parse().ok().map(Duration::from_millis))
            }
            _ => panic!("FAILPOINTS: no fault {name}; one of error, panic, hang, hang:MS, kill"),
        }
    }

    fn ends_a_step(self, point: &str) -> bool {
        match self {
            Self::Panic => panic!("failpoint {point}"),
            Self::Kill => {
                let killed = kill_process(getpid(), Signal::KILL);
                panic!("failpoint {point}: not killed: {killed:?}")
            }
            Self::Error | Self::Hang(_) => true,
        }
    }
}

/// `failpoint!("place", error)`: returns this error from the function if the environment says so;
/// with `async` before the place, it can stand still without blocking the thread.
#[macro_export]
macro_rules! failpoint {
    (async $point:literal, $error:expr) => {
        if $crate::failpoint::strikes_task($point).await {
            return Err($error);
        }
    };
    ($point:literal, $error:expr) => {
        if $crate::failpoint::strikes($point) {
            return Err($error);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_names() {
        let named = ["error", "panic", "hang", "hang:250", "kill"].map(Fault::named);
        let hang = Some(Duration::from_millis(250));
        let expected = [Fault::Error, Fault::Panic, Fault::Hang(None), Fault::Hang(hang)];
        assert_eq!(named[..4], expected);
        assert_eq!(named[4], Fault::Kill);
        for unknown in ["", "hang:", "hang:x", "errors"] {
            assert!(std::panic::catch_unwind(|| Fault::named(unknown)).is_err(), "{unknown}");
        }
    }
}
