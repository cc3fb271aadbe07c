//! `security:` how Kafka's brokers are reached: encrypted, and as whom.

mod pem;
mod sasl;
mod secret;
mod tls;

use std::fmt;
use std::net::IpAddr;

use serde_saphyr::Spanned;

pub(super) use sasl::{CLIENT_ID, SCOPE, TOKEN_ENDPOINT, USERNAME};
pub use sasl::{Mechanism, Sasl};
pub use secret::Secret;
pub(super) use tls::VERIFY_HOSTNAME;
pub use tls::{Identity, Tls};

use super::checks::Checks;
use super::paths::Base;
use super::raw::{RawMechanism, RawSasl, RawSecurity};

pub(super) const INSECURE: bool = false;

/// How Kafka's brokers are reached. By default neither encrypted nor as anyone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// How the connection is encrypted; not at all by default.
    pub tls: Option<Tls>,
    /// As whom, and how that is proven; as nobody by default.
    pub sasl: Option<Sasl>,
}

impl Security {
    /// Of clients of `brokers`; the secrets are read here.
    pub(super) fn resolve(
        raw: Option<&Spanned<RawSecurity>>,
        brokers: &str,
        base: &Base,
        checks: &mut Checks,
    ) -> Self {
        let Some(spanned) = raw else { return Self::default() };
        let RawSecurity { tls, sasl, insecure } = &spanned.value;
        if tls.is_none() && sasl.is_none() {
            checks.wrong(spanned, "`tls`, `sasl` or both make it secure; write one");
        }
        if let Some(sasl) = sasl
            && !insecure.unwrap_or(INSECURE)
        {
            check_clear(&sasl.value, tls.is_some(), brokers, checks);
        }
        Self {
            tls: tls.as_ref().map(|tls| Tls::resolve(&tls.value, base, checks)),
            sasl: sasl.as_ref().and_then(|sasl| Sasl::resolve(sasl, base, checks)),
        }
    }
}

/// No secret leaves this machine in clear. SCRAM sends none.
fn check_clear(sasl: &RawSasl, encrypted: bool, brokers: &str, checks: &mut Checks) {
    let what = match sasl.mechanism.value {
        RawMechanism::Plain => "PLAIN sends the password",
        RawMechanism::OauthBearer => "OAUTHBEARER sends its token",
        RawMechanism::ScramSha256 | RawMechanism::ScramSha512 => return,
    };
    if !encrypted && !brokers.split(',').all(|broker| is_here(broker.trim())) {
        let reason = format!(
            "{what} in clear to brokers on other machines; write `tls: {{}}` beside `sasl`, or else \
             `insecure: true`"
        );
        checks.wrong(&sasl.mechanism, reason);
    }
    if let Some(endpoint) = &sasl.token_endpoint
        && let Some(rest) = endpoint.value.strip_prefix("http://")
        && !is_here(rest.split('/').next().unwrap_or_default())
    {
        let reason = "the client's secret is sent there in clear; write https://, or else \
                      `insecure: true` beside `sasl`";
        checks.wrong(endpoint, reason);
    }
}

/// Whether `HOST:PORT` or `HOST` is this machine by its loopback interface.
fn is_here(address: &str) -> bool {
    let has_port = !address.ends_with(']');
    let host = address.rsplit_once(':').filter(|_| has_port).map_or(address, |(host, _)| host);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What an operator is told of it: `TLS, SCRAM-SHA-512 as framegate`. Nothing where it is the default.
impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tls {
            Some(tls) if tls.identity.is_some() => f.write_str("mutual TLS")?,
            Some(_) => f.write_str("TLS")?,
            None => {}
        }
        let Some(sasl) = &self.sasl else { return Ok(()) };
        let separator = if self.tls.is_some() { ", " } else { "" };
        write!(f, "{separator}{sasl}")
    }
}
