use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::{Extensions, Request, metadata::MetadataMap};

/// The IP address a call came from, in words; put into its extensions by the server.
#[derive(Debug, Clone)]
pub struct ClientAddress(pub Arc<str>);

/// Who calls, and until when.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The fairness key of requests that name no camera.
    pub(super) identity: Arc<str>,
    /// When the call ends, if it says.
    pub(super) deadline: Option<Instant>,
}

impl Caller {
    /// The caller of a call that has just come in.
    pub(super) fn new<T>(call: &Request<T>) -> Self {
        Self { identity: identity(call.extensions()), deadline: deadline(call.metadata()) }
    }

    /// When a request that is read `now` is of no more use: after its own `timeout` or at the
    /// call's deadline, whichever is earlier; without either, after `default_timeout`.
    pub(super) fn deadline_of(
        &self,
        timeout: Option<Duration>,
        default_timeout: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let own = timeout.and_then(|timeout| now.checked_add(timeout));
        let earliest = self.deadline.into_iter().chain(own).min();
        earliest.or_else(|| now.checked_add(default_timeout))
    }
}

/// The time that the caller allows (`grpc-timeout`), if it says.
///
/// The form is that of the gRPC protocol over HTTP/2: at most 8 digits and a unit. A value of
/// another form is ignored, as gRPC's own servers do.
fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let value = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// Until when the caller waits, if it says. A timeout beyond the end of time is none.
pub(super) fn deadline(metadata: &MetadataMap) -> Option<Instant> {
    Instant::now().checked_add(timeout(metadata)?)
}

fn identity(extensions: &Extensions) -> Arc<str> {
    match extensions.get::<ClientAddress>() {
        Some(ClientAddress(address)) => address.clone(),
        None => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_earliest_deadline_counts() {
        let now = Instant::now();
        let table = [
            (None, None, 30),
            (Some(5), None, 5),
            (None, Some(2), 2),
            (Some(5), Some(2), 2),
            (Some(5), Some(9), 5),
            (Some(99), None, 99),
        ];
        for (call, timeout, expected) in table {
            let deadline = call.map(|seconds| now + seconds * SECOND);
            let caller = Caller { identity: "client".into(), deadline };
            let timeout = timeout.map(|seconds: u32| seconds * SECOND);
            let found = caller.deadline_of(timeout, 30 * SECOND, now);
            assert_eq!(found, Some(now + expected * SECOND), "{call:?} {timeout:?}");
        }
    }

    #[test]
    fn timeouts_follow_the_protocol() {
        let table = [
            ("5S", Some(Duration::from_secs(5))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100000000n", None),
            ("5", None),
            ("S", None),
            ("", None),
            ("-5S", None),
            ("5x", None),
        ];
        for (text, expected) in table {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().expect("ASCII"));
            assert_eq!(timeout(&metadata), expected, "{text}");
        }
    }
}
