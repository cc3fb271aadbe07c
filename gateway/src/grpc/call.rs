use std::{net::SocketAddr, time::Duration};

use tokio::time::Instant;
use tonic::{Extensions, metadata::MetadataMap};

/// The address a call came from; put into its extensions by the server.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub SocketAddr);

/// The time that the caller allows (`grpc-timeout`), if it says.
///
/// The form is that of the gRPC protocol over HTTP/2: at most 8 digits and a unit. A value of
/// another form is ignored, as gRPC's own servers do.
pub(super) fn timeout(metadata: &MetadataMap) -> Option<Duration> {
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

/// Who calls: the fairness key of a request that names no camera.
pub(super) fn identity(extensions: &Extensions) -> String {
    match extensions.get::<ClientAddress>() {
        Some(ClientAddress(address)) => address.ip().to_string(),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
