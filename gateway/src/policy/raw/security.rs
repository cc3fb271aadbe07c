//! The keys of `security:`, which stands beside `brokers`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::{Entries, Text};
use crate::policy::node::Node;
use crate::policy::{paths, security};

/// How the brokers are reached: `tls`, `sasl` or both. `framegate camera --kafka-security FILE` takes a file of the same
/// keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawSecurity {
    #[schemars(with = "Option<RawTls>", extend("x-default" = "none: nothing is encrypted"))]
    pub tls: Option<Spanned<RawTls>>,
    #[schemars(with = "Option<RawSasl>", extend("x-default" = "none: no user is named"))]
    pub sasl: Option<Spanned<RawSasl>>,
    /// Accepts that a secret crosses the network in clear: PLAIN or OAUTHBEARER without `tls` to brokers on other
    /// machines, or a `token_endpoint` there that begins with `http:`.
    #[schemars(extend("default" = security::INSECURE))]
    pub insecure: Option<bool>,
}

/// Encrypts, and proves who the broker is; with `certificate` and `key` also who we are. `{}` is enough where the
/// system's authorities vouch for the brokers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawTls {
    /// A PEM file of the authorities that may vouch for a broker.
    #[schemars(transform = paths::PATH.form(), extend("x-default" = "the system's"))]
    pub ca: Option<Text>,
    /// A PEM file of our certificate, and of those between it and the authority. With `key`.
    #[schemars(transform = paths::PATH.form(), extend("x-default" = "none"))]
    pub certificate: Option<Text>,
    /// A PEM file of the certificate's key.
    #[schemars(transform = paths::PATH.form(), extend("x-default" = "none"))]
    pub key: Option<Text>,
    /// What the key is encrypted with.
    #[schemars(with = "Option<RawSecret>", extend("x-default" = "none"))]
    pub key_password: Option<Spanned<Node>>,
    /// Whether a broker's certificate must name its host.
    #[schemars(extend("default" = security::VERIFY_HOSTNAME))]
    pub verify_hostname: Option<bool>,
}

/// Who we are. PLAIN and SCRAM need `username` and `password`; OAUTHBEARER needs `token_endpoint`, `client_id` and
/// `client_secret`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RawSasl {
    /// How that is proven.
    #[schemars(with = "RawMechanism")]
    pub mechanism: Spanned<RawMechanism>,
    /// The user.
    #[schemars(transform = security::USERNAME.form())]
    pub username: Option<Text>,
    /// The user's password.
    #[schemars(with = "Option<RawSecret>", extend("x-default" = "none"))]
    pub password: Option<Spanned<Node>>,
    /// Where tokens are had for the client's credentials (OpenID Connect, RFC 6749 section 4.4).
    #[schemars(transform = security::TOKEN_ENDPOINT.form())]
    pub token_endpoint: Option<Text>,
    /// A PEM file of the authorities that may vouch for the token endpoint.
    #[schemars(transform = paths::PATH.form(), extend("x-default" = "the system's"))]
    pub token_endpoint_ca: Option<Text>,
    /// What the token endpoint knows us by.
    #[schemars(transform = security::CLIENT_ID.form())]
    pub client_id: Option<Text>,
    /// The secret of `client_id`.
    #[schemars(with = "Option<RawSecret>", extend("x-default" = "none"))]
    pub client_secret: Option<Spanned<Node>>,
    /// What the token is asked for; several with spaces.
    #[schemars(transform = security::SCOPE.form())]
    pub scope: Option<Text>,
    /// What the broker is told beside the token, such as `logicalCluster: lkc-1`.
    #[schemars(with = "Option<Entries<Text>>", extend("x-default" = "none"))]
    pub extensions: Option<Entries<Text>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(in crate::policy) enum RawMechanism {
    /// By the password itself.
    #[serde(rename = "PLAIN")]
    Plain,
    /// By a proof of knowing the password (RFC 7677).
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The same with a longer hash.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// By a token (RFC 7628), which is renewed before it ends.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

/// Where a secret is read from at the start. It never stands in a policy itself.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum RawSecret {
    /// A variable of the environment.
    Env(Text),
    /// A file; a line break at its end is no part of the secret.
    File(Text),
}
