//! `server:` the listeners and how they stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::checks::Checks;
use super::errors::quote;
use super::key::{Key, TextKey};
use super::raw::{RawServer, Text};
use super::units::DURATION;

const HOUR: Duration = Duration::from_secs(3600);
const TEN_MINUTES: Duration = Duration::from_secs(600);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

pub(super) const GRPC: TextKey = TextKey::new("address").or("127.0.0.1:9000");
pub(super) const HTTP: TextKey = TextKey::new("address").or("127.0.0.1:9001");
pub(super) const INSECURE: bool = false;
pub(super) const DEFAULT_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::from_millis(1), HOUR).or(HALF_A_MINUTE);
pub(super) const GRACEFUL_SHUTDOWN_TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, HOUR).or(HALF_A_MINUTE);
pub(super) const DRAIN_DELAY: Key<Duration> =
    Key::new(DURATION, Duration::ZERO, TEN_MINUTES).or(Duration::ZERO);

/// The listeners and how they stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Where gRPC is served. Default 127.0.0.1:9000; port 0 is any free port. Off loopback only with `insecure: true`.
    pub grpc: SocketAddr,
    /// Where HTTP (metrics, health) is served. Default 127.0.0.1:9001; like `grpc` otherwise, and never the same.
    pub http: SocketAddr,
    /// The deadline of a call that brings none. Default 30 s, 1 ms to 1 h.
    pub default_timeout: Duration,
    /// How long accepted calls may take to finish when stopping. Default 30 s, 0 s to 1 h.
    pub graceful_shutdown_timeout: Duration,
    /// How long calls are still accepted after readiness goes off. Default 0 s, at most 10 min.
    pub drain_delay: Duration,
}

impl Server {
    pub(super) fn resolve(raw: &RawServer, checks: &mut Checks) -> Self {
        let insecure = raw.insecure.unwrap_or(INSECURE);
        let server = Self {
            grpc: listener(&raw.grpc, GRPC, insecure, checks),
            http: listener(&raw.http, HTTP, insecure, checks),
            default_timeout: checks.value(&raw.default_timeout, DEFAULT_TIMEOUT),
            graceful_shutdown_timeout: checks
                .value(&raw.graceful_shutdown_timeout, GRACEFUL_SHUTDOWN_TIMEOUT),
            drain_delay: checks.value(&raw.drain_delay, DRAIN_DELAY),
        };
        if meet(server.grpc, server.http) {
            let reason = match server.grpc == server.http {
                true => {
                    format!("grpc and http both listen on {}; give each its own port", server.http)
                }
                false => format!(
                    "grpc and http both listen on port {}; give each its own",
                    server.http.port()
                ),
            };
            checks.wrong_together(&[raw.http.as_ref(), raw.grpc.as_ref()], reason);
        }
        server
    }
}

/// The address in `written`, or else the key's default.
fn listener(
    written: &Option<Text>,
    key: TextKey,
    insecure: bool,
    checks: &mut Checks,
) -> SocketAddr {
    let default = key.default;
    let Some(text) = written else { return address(default) };
    let Ok(address) = text.value.parse::<SocketAddr>() else {
        checks.wrong(
            text,
            format!("an IP address and port, such as {default}; got {}", quote(&text.value)),
        );
        return address(default);
    };
    if !address.ip().is_loopback() && !insecure {
        checks.wrong(
            text,
            format!(
                "{address} can be reached from other machines, without TLS or authentication; \
                 listen on {default}, or accept that with `insecure: true`"
            ),
        );
    }
    address
}

/// Whether only one of two listeners can have its port: an unspecified address is all addresses.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let anywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (anywhere || one.ip() == other.ip())
}

/// A default's address; a test shows that each is one.
fn address(default: &str) -> SocketAddr {
    default.parse().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}
