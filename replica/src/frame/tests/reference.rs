use std::{
    path::{Component, Path},
    sync::LazyLock,
};

use framegate_proto::ErrorCode::{
    MalformedReference as Malformed, ReferenceNotAllowed as NotAllowed,
};
use proptest::prelude::*;

use super::*;
use crate::frame::s3::{S3Bucket, S3Credentials, S3Location, S3Options};

/// Made once, since a client for S3 reads the system's certificates.
static BUCKETS: LazyLock<Buckets> = LazyLock::new(buckets);

fn buckets() -> Buckets {
    let bucket = |name, url| Bucket::new(name, url).unwrap();
    let options = S3Options { credentials: S3Credentials::Anonymous, ..S3Options::default() };
    let remote = |name, url| {
        let location = S3Location::parse(url).unwrap();
        let objects = S3Bucket::new(location, &options, Arc::new(|_| {})).unwrap();
        Bucket::s3(name, objects).unwrap()
    };
    Buckets::new(vec![
        bucket("frames", "file:///var/frames"),
        bucket("inner", "file:///var/frames/inner/"),
        remote("cams", "s3://cams/site1"),
        remote("all", "s3://other"),
    ])
    .unwrap()
}

fn resolve(uri: &str) -> Result<(String, String), ErrorCode> {
    let found = BUCKETS.resolve(uri).map_err(|error| error.code)?;
    Ok((found.bucket().to_owned(), found.key().to_owned()))
}

#[test]
fn references_of_every_form_resolve() {
    for (uri, bucket, key) in [
        ("file:///var/frames/a.jpg", "frames", "a.jpg"),
        ("/var/frames/cam 1/a.jpg", "frames", "cam 1/a.jpg"),
        ("frames:cam/a.jpg", "frames", "cam/a.jpg"),
        ("frames:a:b.jpg", "frames", "a:b.jpg"),
        ("/var/frames/100%.jpg", "frames", "100%.jpg"),
        ("frames:a?b#c%20.jpg", "frames", "a?b#c%20.jpg"),
        ("/var/frames/inner/a.jpg", "inner", "a.jpg"),
        ("/var/frames/innerest/a.jpg", "frames", "innerest/a.jpg"),
        ("frames:..a/b..", "frames", "..a/b.."),
        ("frames:é/🎥.png", "frames", "é/🎥.png"),
        ("s3://cams/site1/a/b.jpg", "cams", "a/b.jpg"),
        ("cams:a?b#c%20.jpg", "cams", "a?b#c%20.jpg"),
        ("s3://other/a%20b.jpg", "all", "a%20b.jpg"),
    ] {
        assert_eq!(resolve(uri), Ok((bucket.to_owned(), key.to_owned())), "{uri}");
    }
}

#[test]
fn what_is_of_no_form_is_malformed() {
    let long = format!("frames:{}", "a".repeat(MAX_REFERENCE_BYTES - 6));
    for uri in [
        "",
        " ",
        "a.jpg",
        "cam/a.jpg",
        ":a",
        "frames:",
        "frames:/a",
        "frames:a//b",
        "frames:a/",
        "frames:./a",
        "frames:a/.",
        "/",
        "//var/frames/a",
        "/var/frames/",
        "/var/frames//a",
        "/var/frames/\0a",
        "/var/frames/a\nb",
        "/var/frames\\a",
        "frames:a\u{85}b",
        "frames:a%2Fb",
        "frames:%2f",
        "frames:%5Ca",
        "frames:a%00",
        "/var/frames/..%2fa",
        "file:///var/frames/a%20b",
        "file:///var/frames/a?x=1",
        "file:///var/frames/a#f",
        "file:///",
        "file:///var//frames/a",
        "s3://",
        "s3://cams",
        "s3://cams/",
        "s3:///key",
        "s3://cams/site1//a",
        "s3://cams/site1/a%2Fb",
        "cams:a\0",
        "://x",
        "a b:c",
        "http:/x",
        long.as_str(),
    ] {
        assert_eq!(resolve(uri), Err(Malformed), "{uri:?}");
    }
}

#[test]
fn what_lies_elsewhere_is_not_allowed() {
    for uri in [
        "/etc/passwd",
        "file:///etc/passwd",
        "/var/frames",
        "/var/framesother/a",
        "other:a",
        "/var/frames/../../etc/passwd",
        "frames:../a",
        "frames:a/..",
        "file:///var/frames/../x",
        "http://h/a.jpg",
        "https://h/a",
        "gs://b/k",
        "ftp://h/a",
        "FILE:///var/frames/a",
        "file://host/var/frames/a",
        "file://localhost/var/frames/a",
        "s3://cams/a.jpg",
        "s3://cams/site1",
        "s3://cams/site11/a.jpg",
        "s3://cams/site1/../a.jpg",
        "cams:../site2/a.jpg",
        "S3://cams/site1/a.jpg",
        "s3://user@cams/site1/a.jpg",
        "data:image/png",
        "Frames:a",
    ] {
        assert_eq!(resolve(uri), Err(NotAllowed), "{uri}");
    }
}

#[test]
fn the_longest_reference_is_taken() {
    let longest = format!("frames:{}", "a".repeat(MAX_REFERENCE_BYTES - 7));
    assert!(resolve(&longest).is_ok());
}

#[test]
fn no_bucket_denies_all() {
    let error = Buckets::default().resolve("/var/frames/a.jpg").unwrap_err();
    assert_eq!(error.code, NotAllowed);
}

fn near_references() -> impl Strategy<Value = String> {
    let head = prop_oneof![
        "/var/frames/",
        "file:///var/frames/",
        "frames:",
        "s3://cams/site1/",
        "cams:",
        "s3://",
        "\\PC{0,4}"
    ];
    (head, "([a-c./:%\\\\]|%2[fF]|\\.\\.|\\PC){0,12}").prop_map(|(head, rest)| head + &rest)
}

proptest! {
    #[test]
    fn any_text_stays_beneath_the_root(uri in prop_oneof![any::<String>(), near_references()]) {
        if let Ok((bucket, key)) = resolve(&uri) {
            let normal = |part| matches!(part, Component::Normal(_));
            prop_assert!(Path::new(&key).components().all(normal), "{key}");
            prop_assert_eq!(Path::new(&key).to_str(), Some(key.as_str()));
            // The same object by its other name.
            prop_assert_eq!(resolve(&format!("{bucket}:{key}")), Ok((bucket, key)));
        }
    }
}
