use std::fmt;
use std::path::PathBuf;

use http::Uri;
use serde_saphyr::Spanned;

use super::super::checks::Checks;
use super::super::key::TextKey;
use super::super::paths::Base;
use super::super::raw::{Entries, RawMechanism, RawSasl, Text};
use super::pem::{self, Holds};
use super::secret::Secret;

/// The longest name, URL or scope, in bytes.
const LONGEST: usize = 1024;

pub(in crate::policy) const USERNAME: TextKey = TextKey::new("text").or_words("none");
pub(in crate::policy) const TOKEN_ENDPOINT: TextKey = TextKey::new("URL").or_words("none");
pub(in crate::policy) const CLIENT_ID: TextKey = TextKey::new("text").or_words("none");
pub(in crate::policy) const SCOPE: TextKey = TextKey::new("text").or_words("none");

/// As whom brokers are reached, and how that is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sasl {
    /// A user with a password.
    Password {
        /// How the password is proven.
        mechanism: Mechanism,
        /// The user.
        username: String,
        /// The user's password.
        password: Secret,
    },
    /// OAUTHBEARER: a token, which an endpoint gives for the client's credentials.
    Token {
        /// `https://…`, or `http://…` on this machine.
        endpoint: String,
        /// A PEM file of the authorities that may vouch for the endpoint, absolute; the system's by default.
        endpoint_ca: Option<PathBuf>,
        /// What the endpoint knows us by.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// What the token is asked for.
        scope: Option<String>,
        /// What the broker is told beside the token: names of letters, and values without commas.
        extensions: Vec<(String, String)>,
    },
}

/// How a password is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// It is sent.
    Plain,
    /// By a proof of knowing it, with SHA-256.
    ScramSha256,
    /// By a proof of knowing it, with SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// Its name in SASL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl Sasl {
    /// Nothing when it lacks something, which is reported.
    pub(super) fn resolve(
        raw: &Spanned<RawSasl>,
        base: &Base,
        checks: &mut Checks,
    ) -> Option<Self> {
        let mechanism = match raw.value.mechanism.value {
            RawMechanism::Plain => Mechanism::Plain,
            RawMechanism::ScramSha256 => Mechanism::ScramSha256,
            RawMechanism::ScramSha512 => Mechanism::ScramSha512,
            RawMechanism::OauthBearer => return token(&raw.value, base, checks),
        };
        password(mechanism, &raw.value, base, checks)
    }
}

fn password(mechanism: Mechanism, raw: &RawSasl, base: &Base, checks: &mut Checks) -> Option<Sasl> {
    let reason = "only with OAUTHBEARER; remove it";
    let RawSasl { token_endpoint, token_endpoint_ca, client_id, scope, .. } = raw;
    for text in [token_endpoint, token_endpoint_ca, client_id, scope].into_iter().flatten() {
        checks.wrong(text, reason);
    }
    if let Some(secret) = &raw.client_secret {
        checks.wrong(secret, reason);
    }
    if let Some((name, _)) = raw.extensions.iter().flat_map(|Entries(list)| list).next() {
        checks.wrong_name(name, reason);
    }
    let (Some(username), Some(password)) = (&raw.username, &raw.password) else {
        let reason = format!("{} needs `username` and `password`; write both", mechanism.name());
        checks.wrong(&raw.mechanism, reason);
        return None;
    };
    Some(Sasl::Password {
        mechanism,
        username: checks.text(username, "a user's name", LONGEST),
        password: Secret::resolve(password, base, checks),
    })
}

fn token(raw: &RawSasl, base: &Base, checks: &mut Checks) -> Option<Sasl> {
    let reason = "not with OAUTHBEARER, which has `client_id` and `client_secret`; remove it";
    if let Some(username) = &raw.username {
        checks.wrong(username, reason);
    }
    if let Some(password) = &raw.password {
        checks.wrong(password, reason);
    }
    let (Some(url), Some(client_id), Some(client_secret)) =
        (&raw.token_endpoint, &raw.client_id, &raw.client_secret)
    else {
        let reason =
            "OAUTHBEARER needs `token_endpoint`, `client_id` and `client_secret`; write all";
        checks.wrong(&raw.mechanism, reason);
        return None;
    };
    let ca = raw.token_endpoint_ca.as_ref();
    let ca = ca.and_then(|ca| pem::resolve(ca, Holds::Certificate, base, checks));
    Some(Sasl::Token {
        endpoint: endpoint(url, checks),
        endpoint_ca: ca.map(|pem| pem.path),
        client_id: checks.text(client_id, "a client's name", LONGEST),
        client_secret: Secret::resolve(client_secret, base, checks),
        scope: raw.scope.as_ref().map(|scope| checks.text(scope, "a scope", LONGEST)),
        extensions: extensions(raw.extensions.as_ref(), checks),
    })
}

/// What is written is not repeated, as it might hold a secret.
fn endpoint(text: &Text, checks: &mut Checks) -> String {
    let is_endpoint = |uri: Uri| {
        let host = uri.authority().is_some_and(|host| !host.as_str().contains('@'));
        host && matches!(uri.scheme_str(), Some("http" | "https"))
    };
    if text.value.len() > LONGEST || !text.value.parse().is_ok_and(is_endpoint) {
        checks.wrong(
            text,
            "https:// (or http:// on this machine) with a host and a path, such as https://id.example.com/oauth2/token",
        );
    }
    text.value.clone()
}

/// Names and values that librdkafka puts together with `=` and `,`, and RFC 7628 section 3.1 allows.
fn extensions(raw: Option<&Entries<Text>>, checks: &mut Checks) -> Vec<(String, String)> {
    let mut extensions = Vec::new();
    for (name, value) in raw.iter().flat_map(|Entries(list)| list) {
        let letters = |c: char| c.is_ascii_alphabetic();
        if name.value == "auth" || name.value.is_empty() || !name.value.chars().all(letters) {
            checks.wrong_name(name, "an extension's name has letters only, and is not `auth`");
        }
        let plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && !matches!(c, ',' | '\\' | '=');
        if value.value.is_empty() || !value.value.chars().all(plain) {
            checks.wrong(value, "an extension's value has no `,`, `=` and `\\`, and is not empty");
        }
        extensions.push((name.value.clone(), value.value.clone()));
    }
    extensions
}

/// `SCRAM-SHA-512 as framegate`.
impl fmt::Display for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { mechanism, username, .. } => {
                write!(f, "{} as {username}", mechanism.name())
            }
            Self::Token { client_id, .. } => write!(f, "OAUTHBEARER as {client_id}"),
        }
    }
}
