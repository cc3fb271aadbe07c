use std::path::PathBuf;

use super::super::checks::Checks;
use super::super::paths::Base;
use super::super::raw::Text;
use super::secret::read;

/// The longest PEM file, in bytes: all authorities of a system are a quarter of it.
const LONGEST: u64 = 1 << 20;

/// What a PEM file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Certificate,
    Key,
}

/// A PEM file that was read.
pub(super) struct Pem {
    pub(super) path: PathBuf,
    /// Whether its key cannot be used without a password.
    pub(super) encrypted: bool,
}

impl Holds {
    fn label_end(self) -> &'static str {
        match self {
            Self::Certificate => "CERTIFICATE-----",
            Self::Key => "PRIVATE KEY-----",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate (-----BEGIN CERTIFICATE-----)",
            Self::Key => "a private key (-----BEGIN PRIVATE KEY-----)",
        }
    }
}

/// The PEM file at the path in `text`.
pub(super) fn resolve(text: &Text, holds: Holds, base: &Base, checks: &mut Checks) -> Option<Pem> {
    // It is not repeated: a key may not be shown.
    if text.value.contains("-----BEGIN") {
        checks.wrong(text, "the path of a PEM file; put this into one and name that");
        return None;
    }
    let path = base.path(text, checks);
    if !checks.sound(&[Some(text)]) {
        return None;
    }
    let content = match read(&path, LONGEST) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            checks.wrong(text, format!("cannot be read: {error}"));
            return None;
        }
    };
    let mut labels = content.lines().filter(|line| line.starts_with("-----BEGIN "));
    if !labels.any(|line| line.trim_end().ends_with(holds.label_end())) {
        let reason = format!("not a PEM file with {}; name one", holds.noun());
        checks.wrong(text, reason);
        return None;
    }
    let encrypted =
        content.contains("BEGIN ENCRYPTED PRIVATE KEY") || content.contains("4,ENCRYPTED");
    Some(Pem { path, encrypted })
}
