use std::path::Path;

use rdkafka::ClientConfig;

use crate::policy::{Sasl, Security, Tls};

/// Sets how the brokers are reached. Secrets go into `config` and nowhere else.
pub(crate) fn secure(config: &mut ClientConfig, security: &Security) {
    config.set("security.protocol", protocol(security));
    if let Some(tls) = &security.tls {
        encrypt(config, tls);
    }
    if let Some(sasl) = &security.sasl {
        authenticate(config, sasl);
    }
}

fn protocol(security: &Security) -> &'static str {
    match (&security.tls, &security.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    }
}

fn encrypt(config: &mut ClientConfig, tls: &Tls) {
    let identification = if tls.verify_hostname { "https" } else { "none" };
    config.set("ssl.endpoint.identification.algorithm", identification);
    if let Some(ca) = &tls.ca {
        config.set("ssl.ca.location", text(ca));
    }
    let Some(identity) = &tls.identity else { return };
    config
        .set("ssl.certificate.location", text(&identity.certificate))
        .set("ssl.key.location", text(&identity.key));
    if let Some(password) = &identity.key_password {
        config.set("ssl.key.password", password.reveal());
    }
}

fn authenticate(config: &mut ClientConfig, sasl: &Sasl) {
    match sasl {
        Sasl::Password { mechanism, username, password } => {
            config
                .set("sasl.mechanism", mechanism.name())
                .set("sasl.username", username)
                .set("sasl.password", password.reveal());
        }
        Sasl::Token { endpoint, endpoint_ca, client_id, client_secret, scope, extensions } => {
            config
                .set("sasl.mechanism", "OAUTHBEARER")
                .set("sasl.oauthbearer.method", "oidc")
                .set("sasl.oauthbearer.token.endpoint.url", endpoint)
                .set("sasl.oauthbearer.client.id", client_id)
                .set("sasl.oauthbearer.client.secret", client_secret.reveal());
            if let Some(ca) = endpoint_ca {
                config.set("https.ca.location", text(ca));
            }
            if let Some(scope) = scope {
                config.set("sasl.oauthbearer.scope", scope);
            }
            if !extensions.is_empty() {
                let pairs: Vec<String> =
                    extensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                config.set("sasl.oauthbearer.extensions", pairs.join(","));
            }
        }
    }
}

/// librdkafka takes paths as text.
fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::policy::{Mechanism, Secret};

    fn settings(security: &Security) -> ClientConfig {
        let mut config = ClientConfig::new();
        secure(&mut config, security);
        config
    }

    fn tls(verify_hostname: bool) -> Option<Tls> {
        Some(Tls { ca: Some("/ca.pem".into()), identity: None, verify_hostname })
    }

    #[test]
    fn nothing_is_secured_unless_it_is_asked_for() {
        let config = settings(&Security::default());
        assert_eq!(config.get("security.protocol"), Some("plaintext"));
        assert_eq!(config.get("sasl.mechanism"), None);
    }

    #[test]
    fn tls_verifies_the_host_unless_it_is_told_not_to() {
        for (verify, wanted) in [(true, "https"), (false, "none")] {
            let config = settings(&Security { tls: tls(verify), sasl: None });
            assert_eq!(config.get("security.protocol"), Some("ssl"));
            assert_eq!(config.get("ssl.ca.location"), Some("/ca.pem"));
            assert_eq!(config.get("ssl.endpoint.identification.algorithm"), Some(wanted));
        }
    }

    #[test]
    fn a_login_goes_with_tls_and_without() {
        let sasl = Some(Sasl::Password {
            mechanism: Mechanism::ScramSha256,
            username: "u".into(),
            password: Secret::default(),
        });
        for (tls, protocol) in [(tls(true), "sasl_ssl"), (None, "sasl_plaintext")] {
            let config = settings(&Security { tls, sasl: sasl.clone() });
            assert_eq!(config.get("security.protocol"), Some(protocol));
            assert_eq!(config.get("sasl.mechanism"), Some("SCRAM-SHA-256"));
        }
    }

    #[test]
    fn a_token_brings_its_extensions() {
        let sasl = Sasl::Token {
            endpoint: "https://h/t".into(),
            endpoint_ca: Some("/id.pem".into()),
            client_id: "i".into(),
            client_secret: Secret::default(),
            scope: None,
            extensions: vec![("a".into(), "x".into()), ("b".into(), "y".into())],
        };
        let config = settings(&Security { tls: tls(true), sasl: Some(sasl) });
        assert_eq!(config.get("sasl.oauthbearer.method"), Some("oidc"));
        assert_eq!(config.get("sasl.oauthbearer.extensions"), Some("a=x,b=y"));
        assert_eq!(config.get("https.ca.location"), Some("/id.pem"));
    }
}
