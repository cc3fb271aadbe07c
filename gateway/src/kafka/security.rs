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
