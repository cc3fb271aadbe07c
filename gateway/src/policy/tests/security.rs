//! How brokers are reached: what resolves, and what is refused.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{MARK, assert_refused};
use crate::policy::{self, Identity, Mechanism, Sasl, Security, Sink, Tls};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
const SECRET: &str = "correct horse";
/// A variable that cargo sets for tests.
const VARIABLE: &str = "CARGO_MANIFEST_DIR";

/// A folder with certificates, keys and secrets, of which some are no use.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let secret = format!("{SECRET}\r\n");
    let long = "x".repeat((64 << 10) + 1);
    for (name, text) in [
        ("ca.pem", CERTIFICATE),
        ("client.key", KEY),
        ("encrypted.key", &encrypted),
        ("secret", &secret),
        ("empty", "\n"),
        ("nul", "a\0b"),
        ("long", &long),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A policy whose sink has `security`.
fn policy_with(brokers: &str, security: &str) -> String {
    format!(
        "models: {{ m: {{ artifact: a }} }}\nsinks:\n- kafka: {{ topic: t, brokers: \"{brokers}\", \
         security: {security} }}\n"
    )
}

fn resolve(security: &str) -> Security {
    let folder = folder();
    let file = folder.path().join("policy.yaml");
    let policy = policy::parse(&policy_with("k:9", security), &file).unwrap();
    let [Sink::Kafka(kafka)] = &policy.sinks[..] else { panic!("one sink") };
    // As it stands below the folder, which is gone by now.
    let below = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_owned();
    let mut security = kafka.security.clone();
    if let Some(tls) = &mut security.tls {
        tls.ca = tls.ca.as_deref().map(below);
        if let Some(identity) = &mut tls.identity {
            identity.certificate = below(&identity.certificate);
            identity.key = below(&identity.key);
        }
    }
    security
}

#[test]
fn what_is_written_runs() {
    let system = Tls { ca: None, identity: None, verify_hostname: true };
    assert_eq!(resolve("{ tls: {} }"), Security { tls: Some(system), sasl: None });
    let written = resolve(
        "{ tls: { ca: ca.pem, certificate: ca.pem, key: encrypted.key, \
         key_password: { file: secret }, verify_hostname: false }, \
         sasl: { mechanism: SCRAM-SHA-512, username: framegate, password: { file: secret } } }",
    );
    let Tls { ca, identity: Some(Identity { certificate, key, key_password }), verify_hostname } =
        written.tls.as_ref().unwrap()
    else {
        panic!("an identity")
    };
    assert_eq!(ca.as_deref(), Some(Path::new("ca.pem")));
    assert_eq!(
        (certificate.as_path(), key.as_path()),
        ("ca.pem".as_ref(), "encrypted.key".as_ref())
    );
    assert_eq!((key_password.as_ref().unwrap().reveal(), *verify_hostname), (SECRET, false));
    let Some(Sasl::Password { mechanism, username, password }) = &written.sasl else {
        panic!("a password")
    };
    assert_eq!((*mechanism, username.as_str()), (Mechanism::ScramSha512, "framegate"));
    assert_eq!(password.reveal(), SECRET);
    assert_eq!(written.to_string(), "mutual TLS, SCRAM-SHA-512 as framegate");
    assert!(!format!("{written:?}").contains(SECRET), "secrets are not shown");
}

#[test]
fn tokens_are_for_a_client() {
    let written = resolve(&format!(
        "{{ tls: {{}}, sasl: {{ mechanism: OAUTHBEARER, token_endpoint: \"https://id.example.com/token\", \
         client_id: fg, client_secret: {{ env: {VARIABLE} }}, scope: kafka, \
         extensions: {{ logicalCluster: lkc-1, identityPoolId: pool-1 }} }} }}"
    ));
    let Some(Sasl::Token { endpoint, client_id, client_secret, scope, extensions, .. }) =
        &written.sasl
    else {
        panic!("a token")
    };
    assert_eq!((endpoint.as_str(), client_id.as_str()), ("https://id.example.com/token", "fg"));
    assert_eq!(client_secret.reveal(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!((scope.as_deref(), extensions.len()), (Some("kafka"), 2));
}

#[test]
fn in_clear_only_on_this_machine_or_where_that_is_accepted() {
    let login = |mechanism: &str, rest: &str| {
        format!(
            "{{ {rest} sasl: {{ mechanism: {mechanism}, username: u, password: {{ env: {VARIABLE} }} }} }}"
        )
    };
    let accepted = |brokers: &str, security: &str| {
        policy::parse(&policy_with(brokers, security), Path::new("/etc/p.yaml")).is_ok()
    };
    for here in ["127.0.0.1:9", "localhost:9,[::1]:9"] {
        assert!(accepted(here, &login("PLAIN", "")), "{here}");
    }
    assert!(!accepted("localhost:9,k:9", &login("PLAIN", "")));
    assert!(accepted("k:9", &login("PLAIN", "insecure: true,")));
    assert!(accepted("k:9", &login("PLAIN", "tls: {},")));
    assert!(accepted("k:9", &login("SCRAM-SHA-256", "")), "no secret is sent");
}

/// Stands in for the beginning of a login whose password comes next.
const LOGIN: &str = "tls: {}, sasl: { mechanism: PLAIN, username: u, password";
/// Stands in for a client with its token; the endpoint comes next.
const CLIENT: &str = "sasl: { mechanism: OAUTHBEARER, client_id: i, \
     client_secret: { env: CARGO_MANIFEST_DIR }, token_endpoint";

/// Of each: the security with a mark, and how its only problem goes on after its path.
fn assert_all_refused(table: &[(&str, &str)]) {
    let folder = folder();
    let path = folder.path().to_str().unwrap();
    let full: Vec<(String, String)> = table
        .iter()
        .map(|(security, line)| {
            let text = security.replace("LOGIN", LOGIN).replace("CLIENT", CLIENT);
            let text = text.replace("HERE", path);
            (policy_with("k:9", &text), format!("sinks[0].kafka.security{line}"))
        })
        .collect();
    let rows: Vec<(&str, &str)> = full.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_refused(&rows);
    for (text, _) in &full {
        let refusal = policy::parse(&text.replace(MARK, ""), Path::new("/etc/p.yaml"));
        let refusal = refusal.unwrap_err().to_string();
        let told = ["hunter2", "MIIsecret", SECRET].iter().any(|word| refusal.contains(word));
        assert!(!told, "a secret is repeated: {refusal}");
    }
}

#[test]
fn certificates() {
    assert_all_refused(&[
        ("▸{}", ": `tls`, `sasl` or both make it secure; write one"),
        ("▸tls", ": expected a mapping"),
        ("{ ▸ssl: {} }", ": unknown key `ssl`; did you mean `sasl`?"),
        ("{ tls: { ca: ▸none.pem } }", ".tls.ca: cannot be read: No such file"),
        ("{ tls: { ca: ▸HERE/secret } }", ".tls.ca: not a PEM file with a cert"),
        ("{ tls: { ca: ▸HERE/client.key } }", ".tls.ca: not a PEM file with a cert"),
        ("{ tls: { ca: ▸HERE } }", ".tls.ca: cannot be read: Is a directory"),
        (
            "{ tls: { certificate: ▸HERE/ca.pem } }",
            ".tls.certificate: a certificate needs its `key`",
        ),
        ("{ tls: { key: ▸HERE/client.key } }", ".tls.key: a key needs its `certificate`"),
        (
            "{ tls: { certificate: HERE/ca.pem, key: ▸HERE/ca.pem } }",
            ".tls.key: not a PEM file with a private key",
        ),
        (
            "{ tls: { certificate: HERE/ca.pem, key: ▸HERE/encrypted.key } }",
            ".tls.key: the key is encrypted; write its `key_password`",
        ),
        (
            "{ tls: { certificate: HERE/ca.pem, key: ▸\"-----BEGIN PRIVATE KEY-----\\nMIIsecret\" } }",
            ".tls.key: the path of a PEM file; put this into one and name that",
        ),
        (
            "{ tls: { key_password: ▸{ file: HERE/secret } } }",
            ".tls.key_password: only with `certificate` and `key`",
        ),
        ("{ tls: { verify_hostname: ▸no } }", ".tls.verify_hostname: expected true or false"),
    ]);
}

#[test]
fn passwords() {
    assert_all_refused(&[
        ("{ tls: {}, sasl: ▸{ username: u } }", ".sasl: the key `mechanism` is missing"),
        ("{ tls: {}, sasl: { mechanism: ▸GSSAPI } }", ".sasl.mechanism: `GSSAPI` is not accepted"),
        (
            "{ tls: {}, sasl: { mechanism: ▸PLAIN, username: u } }",
            ".sasl.mechanism: PLAIN needs `username` and `password`",
        ),
        (
            "{ tls: {}, sasl: { mechanism: ▸SCRAM-SHA-256, password: { env: X } } }",
            ".sasl.mechanism: SCRAM-SHA-256 needs `username` and `password`",
        ),
        (
            "{ LOGIN: ▸hunter2 } }",
            ".sasl.password: a secret does not stand in a policy; write { env: NAME } or { file: PATH }",
        ),
        ("{ LOGIN: ▸1234 } }", ".sasl.password: a secret does not stand in a policy"),
        ("{ LOGIN: ▸{ value: hunter2 } } }", ".sasl.password: a secret does not stand in a policy"),
        (
            "{ LOGIN: { env: ▸FRAMEGATE_TESTS_NONE } } }",
            ".sasl.password.env: the environment has no variable `FRAMEGATE_TESTS_NONE`; set it",
        ),
        ("{ LOGIN: { env: ▸hunter2! } } }", ".sasl.password.env: the name of a variable of the"),
        ("{ LOGIN: { file: ▸none } } }", ".sasl.password.file: cannot be read: No such file"),
        ("{ LOGIN: { file: ▸HERE/empty } } }", ".sasl.password.file: the file is empty"),
        ("{ LOGIN: { file: ▸HERE/nul } } }", ".sasl.password.file: the file holds a NUL"),
        (
            "{ LOGIN: { file: ▸HERE/long } } }",
            ".sasl.password.file: cannot be read: it has more than 65536 bytes",
        ),
        (
            "{ LOGIN: { file: HERE/secret }, scope: ▸s } }",
            ".sasl.scope: only with OAUTHBEARER; remove it",
        ),
        (
            "{ sasl: { mechanism: ▸PLAIN, username: u, password: { file: HERE/secret } } }",
            ".sasl.mechanism: PLAIN sends the password in clear to brokers on other machines",
        ),
    ]);
}

#[test]
fn tokens() {
    assert_all_refused(&[
        (
            "{ tls: {}, sasl: { mechanism: ▸OAUTHBEARER, client_secret: { env: X } } }",
            ".sasl.mechanism: OAUTHBEARER needs `token_endpoint`, `client_id`",
        ),
        (
            "{ sasl: { mechanism: ▸OAUTHBEARER, token_endpoint: \"https://h/t\", client_id: i, \
             client_secret: { file: HERE/secret } } }",
            ".sasl.mechanism: OAUTHBEARER sends its token in clear",
        ),
        (
            "{ tls: {}, CLIENT: \"https://h/t\", username: ▸u } }",
            ".sasl.username: not with OAUTHBEARER",
        ),
        (
            "{ tls: {}, CLIENT: \"https://h/t\", password: ▸hunter2 } }",
            ".sasl.password: not with OAUTHBEARER",
        ),
        (
            "{ tls: {}, CLIENT: ▸\"http://h/t\" } }",
            ".sasl.token_endpoint: the client's secret is sent there in clear",
        ),
        (
            "{ tls: {}, CLIENT: ▸\"https://me:hunter2@h/t\" } }",
            ".sasl.token_endpoint: https:// (or http:// on this machine) with a host",
        ),
        (
            "{ tls: {}, CLIENT: \"https://h/t\", extensions: { a: ▸\"x,y\" } } }",
            ".sasl.extensions.a: an extension's value has no `,`",
        ),
        (
            "{ tls: {}, CLIENT: \"https://h/t\", extensions: { ▸a-b: x } } }",
            ".sasl.extensions.a-b: an extension's name has letters only",
        ),
    ]);
}

#[test]
fn a_file_of_its_own_has_the_same_keys() {
    let folder = folder();
    let file = folder.path().join("security.yaml");
    fs::write(&file, "tls: { ca: ca.pem }\n").unwrap();
    let security = policy::load_security(&file, "k:9").unwrap();
    assert_eq!(security.tls.unwrap().ca, Some(folder.path().join("ca.pem")));
    fs::write(&file, "tls:\n  ca: none.pem\n").unwrap();
    let refusal = policy::load_security(&file, "k:9").unwrap_err().to_string();
    let wanted = format!("{}:2:7: tls.ca: cannot be read", file.display());
    assert!(refusal.starts_with(&wanted), "{refusal}");
}
