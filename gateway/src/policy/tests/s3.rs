//! Buckets on S3.

use std::time::Duration;

use framegate_replica::frame::{S3Credentials, S3Location, S3Options, S3Retries};

use super::super::Place;
use super::{assert_refused_beside, parse_text};

/// A model that is right.
const MODEL: &str = "models: { m: { artifact: a } }\n";

fn places(buckets: &str) -> Vec<(S3Location, S3Options)> {
    let policy = parse_text(&format!("buckets:\n{buckets}\n{MODEL}")).unwrap();
    let s3 = |place: &Place| match place {
        Place::S3 { location, options } => (location.clone(), options.clone()),
        Place::Folder(_) => panic!("a folder"),
    };
    policy.buckets.iter().map(|bucket| s3(&bucket.place)).collect()
}

#[test]
fn defaults_are_those_of_the_client() {
    let [(location, options)] = &places("- { name: a, url: \"s3://cams\", region: us-east-1 }")[..]
    else {
        panic!("one bucket")
    };
    assert_eq!((location.bucket.as_str(), location.prefix.as_str()), ("cams", ""));
    assert_eq!(*options, S3Options::default());
}

#[test]
fn what_is_written_runs() {
    let places = places(
        "- { name: a, url: \"s3://cams/site1/\", endpoint: \"http://127.0.0.1:9100/\", timeout: 2s, \
         connect_timeout: 500ms, retries: { attempts: 7, backoff: 20ms }, \
         credentials: { file: aws }, profile: site }\n\
         - { name: b, url: \"s3://cams\", endpoint: \"https://s3.example.com\", region: eu-west-1, \
         virtual_hosted_style: true, credentials: anonymous }\n\
         - { name: c, url: \"s3://cams/site2\", region: eu-west-1, credentials: instance, timeout: 500ms }",
    );
    let retries = S3Retries { attempts: 7, backoff: Duration::from_millis(20) };
    let credentials =
        S3Credentials::File { path: "/etc/framegate/aws".into(), profile: "site".into() };
    let first = S3Options {
        endpoint: Some("http://127.0.0.1:9100".into()),
        credentials,
        timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_millis(500),
        retries,
        ..S3Options::default()
    };
    assert_eq!((places[0].0.prefix.as_str(), &places[0].1), ("site1", &first));
    let (second, third) = (&places[1].1, &places[2].1);
    assert!(second.virtual_hosted_style && second.credentials == S3Credentials::Anonymous);
    assert_eq!(third.credentials, S3Credentials::Instance);
    assert_eq!(third.connect_timeout, third.timeout);
}

#[test]
fn places_and_endpoints_are_checked() {
    let endpoint = "buckets[0].endpoint: http:// or https:// with a host";
    assert_refused_beside(
        MODEL,
        &[
            (
                "buckets: [{ name: a, url: ▸\"s3://cams\" }]",
                "buckets[0].url: a bucket on S3 needs its `region`",
            ),
            (
                "buckets: [{ name: a, url: ▸\"s3:cams\", region: r }]",
                "buckets[0].url: an S3 URL, such as",
            ),
            (
                "buckets: [{ name: a, url: ▸\"s3://C\", region: r }]",
                "buckets[0].url: a bucket's name of",
            ),
            (
                "buckets: [{ name: a, url: ▸\"s3://cams/..\", region: r }]",
                "buckets[0].url: a prefix of plain",
            ),
            (
                "buckets:\n- { name: a, url: \"s3://cams/\", region: r }\n- { name: b, url: ▸\"s3://cams\", region: s }",
                "buckets[1].url: the bucket `a` is this place already",
            ),
            ("buckets: [{ name: a, url: \"s3://cams\", endpoint: ▸localhost }]", endpoint),
            ("buckets: [{ name: a, url: \"s3://cams\", endpoint: ▸\"ftp://h\" }]", endpoint),
            ("buckets: [{ name: a, url: \"s3://cams\", endpoint: ▸\"http://h/path\" }]", endpoint),
            ("buckets: [{ name: a, url: \"s3://cams\", endpoint: ▸\"http://h?q\" }]", endpoint),
            ("buckets: [{ name: a, url: \"s3://cams\", endpoint: ▸\"http://h#f\" }]", endpoint),
            (
                "buckets: [{ name: a, url: \"s3://cams\", endpoint: ▸\"http://key:secret@h\" }]",
                endpoint,
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: ▸\"\" }]",
                "buckets[0].region: a region, such as",
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", endpoint: \"http://127.0.0.1:9\", virtual_hosted_style: ▸true }]",
                "buckets[0].virtual_hosted_style: the bucket's name cannot stand before an IP address",
            ),
        ],
    );
}

#[test]
fn credentials_and_times_are_checked() {
    assert_refused_beside(
        MODEL,
        &[
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: r, credentials: ▸instances }]",
                "buckets[0].credentials: `instances` is not accepted; did you mean `instance`?",
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: r, profile: ▸p }]",
                "buckets[0].profile: only with `credentials: { file: PATH }`",
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: r, credentials: anonymous, profile: ▸p }]",
                "buckets[0].profile: only with `credentials: { file: PATH }`",
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: r, timeout: ▸5 }]",
                "buckets[0].timeout: a duration with its unit",
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: r, timeout: 1s, connect_timeout: ▸2s }]",
                "buckets[0].connect_timeout: connect_timeout (2s) may not be longer than timeout (1s)",
            ),
            (
                "buckets: [{ name: a, url: \"s3://cams\", region: r, retries: { attempts: ▸0 } }]",
                "buckets[0].retries.attempts: a whole number from 1 to 20; got `0`",
            ),
            (
                "limits: { concurrent_fetches: ▸0 }",
                "limits.concurrent_fetches: a whole number from 1 to 4096; got `0`",
            ),
        ],
    );
}

#[test]
fn a_folder_has_none_of_the_keys_of_s3() {
    for key in [
        "endpoint: ▸\"http://h\"",
        "region: ▸r",
        "virtual_hosted_style: ▸true",
        "credentials: ▸anonymous",
        "profile: ▸p",
        "timeout: ▸1s",
        "connect_timeout: ▸1s",
    ] {
        let text = format!("buckets: [{{ name: a, url: \"file:a\", {key} }}]");
        let name = key.split(':').next().unwrap();
        let line = format!("buckets[0].{name}: only for a bucket whose url begins with s3://");
        assert_refused_beside(MODEL, &[(&text, &line)]);
    }
}
