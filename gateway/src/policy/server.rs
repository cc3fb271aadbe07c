//! `server:` the listeners and how they stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::checks::Checks;
use super::errors::quote;
use super::raw::{RawServer, Text};
use super::units::DURATION;

const HOUR: Duration = Duration::from_secs(3600);

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
        let insecure = raw.insecure.unwrap_or(false);
        let server = Self {
            grpc: listener(&raw.grpc, 9000, insecure, checks),
            http: listener(&raw.http, 9001, insecure, checks),
            default_timeout: checks.value(
                &raw.default_timeout,
                &DURATION,
                Duration::from_secs(30),
                Duration::from_millis(1)..=HOUR,
            ),
            graceful_shutdown_timeout: checks.value(
                &raw.graceful_shutdown_timeout,
                &DURATION,
                Duration::from_secs(30),
                Duration::ZERO..=HOUR,
            ),
            drain_delay: checks.value(
                &raw.drain_delay,
                &DURATION,
                Duration::ZERO,
                Duration::ZERO..=HOUR / 6,
            ),
        };
        if server.grpc == server.http && server.grpc.port() != 0 {
            let reason =
                format!("grpc and http both listen on {}; give each its own port", server.http);
            checks.wrong_together(&[raw.http.as_ref(), raw.grpc.as_ref()], reason);
        }
        server
    }
}

/// The address in `written`, or `default_port` on loopback.
fn listener(
    written: &Option<Text>,
    default_port: u16,
    insecure: bool,
    checks: &mut Checks,
) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, default_port));
    let Some(text) = written else { return default };
    let Ok(address) = text.value.parse::<SocketAddr>() else {
        checks.wrong(
            text,
            format!("an IP address and port, such as {default}; got {}", quote(&text.value)),
        );
        return default;
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
