use std::path::PathBuf;

use super::super::checks::Checks;
use super::super::paths::Base;
use super::super::raw::{RawTls, Text};
use super::pem::{self, Holds};
use super::secret::Secret;

pub(in crate::policy) const VERIFY_HOSTNAME: bool = true;

/// How a connection is encrypted, and who vouches for whom. The files were read when this was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of the authorities that may vouch for a broker, absolute; the system's by default.
    pub ca: Option<PathBuf>,
    /// Who we are; nobody by default.
    pub identity: Option<Identity>,
    /// Whether a broker's certificate must name its host. The default.
    pub verify_hostname: bool,
}

/// Who we are to a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A PEM file of our certificate and of those between it and the authority, absolute.
    pub certificate: PathBuf,
    /// A PEM file of the certificate's key, absolute.
    pub key: PathBuf,
    /// What the key is encrypted with.
    pub key_password: Option<Secret>,
}

impl Tls {
    pub(super) fn resolve(raw: &RawTls, base: &Base, checks: &mut Checks) -> Self {
        let ca = raw.ca.as_ref().and_then(|ca| pem::resolve(ca, Holds::Certificate, base, checks));
        Self {
            ca: ca.map(|pem| pem.path),
            identity: Identity::resolve(raw, base, checks),
            verify_hostname: raw.verify_hostname.unwrap_or(VERIFY_HOSTNAME),
        }
    }
}

impl Identity {
    fn resolve(raw: &RawTls, base: &Base, checks: &mut Checks) -> Option<Self> {
        let password = raw.key_password.as_ref();
        let key_password = password.map(|secret| Secret::resolve(secret, base, checks));
        let (certificate, key) = match (&raw.certificate, &raw.key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => {
                if let Some(password) = password {
                    checks.wrong(password, "only with `certificate` and `key`; remove it");
                }
                return None;
            }
            (Some(certificate), None) => {
                let reason = "a certificate needs its `key`; write it (it may be the same file)";
                checks.wrong(certificate, reason);
                return None;
            }
            (None, Some(key)) => {
                checks.wrong(key, "a key needs its `certificate`; write it, or remove this");
                return None;
            }
        };
        Self::of(certificate, key, key_password, base, checks)
    }

    fn of(
        certificate: &Text,
        key: &Text,
        key_password: Option<Secret>,
        base: &Base,
        checks: &mut Checks,
    ) -> Option<Self> {
        let certificate = pem::resolve(certificate, Holds::Certificate, base, checks);
        let key_file = pem::resolve(key, Holds::Key, base, checks)?;
        if key_file.encrypted && key_password.is_none() {
            checks.wrong(key, "the key is encrypted; write its `key_password`");
        }
        Some(Self { certificate: certificate?.path, key: key_file.path, key_password })
    }
}
