//! Buckets on S3: `url: s3://BUCKET[/PREFIX]` and the keys that only they have.

use std::time::Duration;

use framegate_replica::frame::{S3Credentials, S3Location, S3Options, S3Retries};
use http::Uri;
use serde_saphyr::Spanned;

use super::bucket::Place;
use super::checks::Checks;
use super::errors::quote;
use super::key::{Key, TextKey};
use super::paths::Base;
use super::raw::{RawBucket, RawCredentials, RawFetchRetries, Text};
use super::units::{DURATION, show_duration, whole};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The region where an endpoint is given and no region: servers other than AWS's take any.
const USUAL_REGION: &str = "us-east-1";
/// The longest endpoint and the longest name of a region or profile, in bytes.
const LONGEST_ENDPOINT: usize = 1024;
const LONGEST_WORD: usize = 63;
/// The section of a credentials' file.
const USUAL_PROFILE: &str = "default";

pub(super) const ENDPOINT: TextKey = TextKey::new("URL").or_words("AWS's own");
pub(super) const REGION: TextKey =
    TextKey::new("name").or_words("`us-east-1` with an `endpoint`, else required on S3");
pub(super) const VIRTUAL_HOSTED_STYLE: bool = false;
pub(super) const PROFILE: TextKey = TextKey::new("name").or(USUAL_PROFILE);
pub(super) const TIMEOUT: Key<Duration> =
    Key::new(DURATION, Duration::from_millis(10), Duration::from_secs(600))
        .or(Duration::from_secs(5));
pub(super) const CONNECT_TIMEOUT: Key<Duration> =
    Key::new(DURATION, MS, MINUTE).or_words("1s, or `timeout` where that is shorter");
pub(super) const RETRY_ATTEMPTS: Key<u32> = Key::new(whole(), 1, 20).or(4);
pub(super) const RETRY_BACKOFF: Key<Duration> =
    Key::new(DURATION, MS, Duration::from_secs(10)).or(Duration::from_millis(100));

/// The place of a bucket whose url begins with `s3:`.
pub(super) fn resolve(raw: &RawBucket, base: &Base, checks: &mut Checks) -> Option<Place> {
    let location = S3Location::parse(&raw.url.value);
    let options = options(raw, base, checks);
    match location {
        Ok(location) => Some(Place::S3 { location, options }),
        Err(reason) => {
            checks.wrong(&raw.url, format!("{reason}; got {}", quote(&raw.url.value)));
            None
        }
    }
}

/// Refuses what makes no sense for a folder.
pub(super) fn check_absent(raw: &RawBucket, checks: &mut Checks) {
    let reason = "only for a bucket whose url begins with s3://; remove it";
    let RawBucket { endpoint, region, profile, timeout, connect_timeout, .. } = raw;
    for text in [endpoint, region, profile, timeout, connect_timeout].into_iter().flatten() {
        checks.wrong(text, reason);
    }
    if let Some(value) = &raw.virtual_hosted_style {
        checks.wrong(value, reason);
    }
    if let Some(value) = &raw.credentials {
        checks.wrong(value, reason);
    }
    if let Some(value) = &raw.retries {
        checks.wrong(value, reason);
    }
}

fn options(raw: &RawBucket, base: &Base, checks: &mut Checks) -> S3Options {
    let retries = raw.retries.as_ref().map(|retries| retries.value.clone()).unwrap_or_default();
    let (timeout, connect_timeout) = timeouts(raw, checks);
    S3Options {
        endpoint: raw.endpoint.as_ref().map(|text| endpoint(text, checks)),
        region: region(raw, checks),
        virtual_hosted_style: virtual_hosted_style(raw, checks),
        credentials: credentials(raw, base, checks),
        timeout,
        connect_timeout,
        retries: retries_of(&retries, checks),
    }
}

/// `http://HOST[:PORT]` or `https://HOST[:PORT]`. What is written is not repeated, as it might hold a secret.
fn endpoint(text: &Text, checks: &mut Checks) -> String {
    let written = text.value.strip_suffix('/').unwrap_or(&text.value);
    let is_endpoint = |uri: Uri| {
        let host = uri.authority().is_some_and(|host| !host.as_str().contains('@'));
        let http = matches!(uri.scheme_str(), Some("http" | "https"));
        host && http && uri.path() == "/" && uri.query().is_none()
    };
    // A fragment is not kept by the parser, but an endpoint has none.
    let plain = written.len() <= LONGEST_ENDPOINT && !written.contains('#');
    if !plain || !written.parse().is_ok_and(is_endpoint) {
        checks.wrong(
            text,
            "http:// or https:// with a host and perhaps a port, such as http://127.0.0.1:9100, and nothing more",
        );
    }
    written.to_owned()
}

fn region(raw: &RawBucket, checks: &mut Checks) -> String {
    let Some(text) = &raw.region else {
        if raw.endpoint.is_none() {
            checks.wrong(
                &raw.url,
                "a bucket on S3 needs its `region`, or the `endpoint` of another server; write one",
            );
        }
        return USUAL_REGION.to_owned();
    };
    word(text, "a region, such as eu-central-1", checks)
}

fn virtual_hosted_style(raw: &RawBucket, checks: &mut Checks) -> bool {
    let Some(written) = &raw.virtual_hosted_style else { return VIRTUAL_HOSTED_STYLE };
    let host = raw.endpoint.as_ref().and_then(|text| text.value.parse::<Uri>().ok());
    let host = host.as_ref().and_then(Uri::host).unwrap_or_default();
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if written.value && is_address {
        checks.wrong(written, "the bucket's name cannot stand before an IP address; name a host in `endpoint`, or remove this");
    }
    written.value
}

fn credentials(raw: &RawBucket, base: &Base, checks: &mut Checks) -> S3Credentials {
    let written = raw.credentials.as_ref().map(|credentials| &credentials.value);
    if let (
        Some(profile),
        None
        | Some(RawCredentials::Environment | RawCredentials::Instance | RawCredentials::Anonymous),
    ) = (&raw.profile, written)
    {
        checks
            .wrong(profile, "only with `credentials: { file: PATH }`; write that, or remove this");
    }
    match written {
        None | Some(RawCredentials::Environment) => S3Credentials::Environment,
        Some(RawCredentials::Instance) => S3Credentials::Instance,
        Some(RawCredentials::Anonymous) => S3Credentials::Anonymous,
        Some(RawCredentials::File(path)) => {
            let profile = raw.profile.as_ref().map(|text| word(text, "a profile's name", checks));
            let profile = profile.unwrap_or_else(|| USUAL_PROFILE.to_owned());
            S3Credentials::File { path: base.path(path, checks), profile }
        }
    }
}

fn timeouts(raw: &RawBucket, checks: &mut Checks) -> (Duration, Duration) {
    let timeout = checks.value(&raw.timeout, TIMEOUT);
    let connect = raw
        .connect_timeout
        .as_ref()
        .map_or(SECOND.min(timeout), |text| checks.required(text, CONNECT_TIMEOUT));
    if connect > timeout {
        let (connect, timeout) = (show_duration(connect), show_duration(timeout));
        let reason =
            format!("connect_timeout ({connect}) may not be longer than timeout ({timeout})");
        checks.wrong_together(&[raw.connect_timeout.as_ref(), raw.timeout.as_ref()], reason);
    }
    (timeout, connect)
}

fn retries_of(raw: &RawFetchRetries, checks: &mut Checks) -> S3Retries {
    S3Retries {
        attempts: checks.value(&raw.attempts, RETRY_ATTEMPTS),
        backoff: checks.value(&raw.backoff, RETRY_BACKOFF),
    }
}

/// A word of letters, digits, `-`, `_` and `.`.
fn word(text: &Spanned<String>, noun: &str, checks: &mut Checks) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let value = &text.value;
    if value.is_empty() || value.len() > LONGEST_WORD || !value.chars().all(plain) {
        checks.wrong(text, format!("{noun}; got {}", quote(value)));
    }
    value.clone()
}
