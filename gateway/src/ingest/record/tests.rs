use proptest::prelude::*;

use super::*;
use crate::policy::Selector;

fn pointers() -> RecordMap {
    let pointer = |name: &str| Selector::Pointer(format!("/{name}"));
    RecordMap {
        uri: pointer("uri"),
        camera_id: pointer("camera_id"),
        captured_at: pointer("captured_at"),
        sequence: pointer("sequence"),
        models: pointer("models"),
        uri_prefix: String::new(),
    }
}

fn raw(value: &[u8]) -> RawRecord<'_> {
    RawRecord { topic: "camera_1", key: None, value: Some(value), headers: &[], timestamp_ms: None }
}

fn read(json: &str) -> Result<Record, BadRecord> {
    Record::read(&raw(json.as_bytes()), &pointers())
}

fn time(ms: u64) -> Option<SystemTime> {
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
}

fn names(names: &[&str]) -> Option<Vec<Arc<str>>> {
    Some(names.iter().map(|name| Arc::from(*name)).collect())
}

#[test]
fn plain_text_is_the_reference() {
    let key = RawRecord { key: Some(b"gate"), ..raw(b" file:///frames/a.jpg\n") };
    let record = Record::read(&key, &pointers()).unwrap();
    assert_eq!((record.uri.as_str(), &*record.camera_id), ("file:///frames/a.jpg", "gate"));
    assert_eq!(&*read("a.jpg").unwrap().camera_id, "camera_1");
    let prefixed = RecordMap { uri_prefix: "s3://cams/".into(), ..pointers() };
    assert_eq!(Record::read(&raw(b"a.jpg"), &prefixed).unwrap().uri, "s3://cams/a.jpg");
}

#[test]
fn json_gives_every_field_and_ignores_the_rest() {
    let record = read(
        r#"{"uri": "frames:a.jpg", "camera_id": "yard", "captured_at": "2026-11-22T11:00:00.5+01:00",
            "sequence": 12, "models": ["detector", "classifier", "detector"], "extra": [[[1]]]}"#,
    );
    let expected = Record {
        uri: "frames:a.jpg".into(),
        camera_id: "yard".into(),
        captured_at: time(1_795_341_600_500),
        sequence: Some(12),
        models: names(&["detector", "classifier"]),
        traceparent: None,
    };
    assert_eq!(record, Ok(expected));
}

#[test]
fn absent_and_null_fields_fall_back() {
    let record =
        read(r#"{"uri": "a", "camera_id": null, "sequence": null, "models": []}"#).unwrap();
    assert_eq!((&*record.camera_id, record.sequence, record.models), ("camera_1", None, None));
    assert_eq!(&*read(r#"{"uri": "a", "camera_id": 7}"#).unwrap().camera_id, "7");
}

#[test]
fn times_are_text_seconds_or_milliseconds() {
    let at = |json: &str| read(&format!(r#"{{"uri": "a", "captured_at": {json}}}"#));
    for json in [
        "1795341600.5",
        "1795341600500",
        "1795341600500000",
        "1795341600500000000",
        r#""1795341600.5""#,
        r#""1795341600500000000""#,
        r#""2026-11-22T10:00:00.5Z""#,
        r#""2026-11-22T10:00:00.5""#,
        r#""2026-11-22 10:00:00.500000""#,
        r#""2026-11-22 11:00:00.5+01:00""#,
        "[1795341600.5]",
    ] {
        assert_eq!(at(json).unwrap().captured_at, time(1_795_341_600_500), "{json}");
    }
    for json in
        ["-1", "1e300", r#""yesterday""#, r#""2026-11-22""#, r#""NaN""#, "true", "[]", "[1, 2]"]
    {
        assert_eq!(at(json), Err(BadRecord::Field("captured_at")), "{json}");
    }
}

#[test]
fn other_shapes_that_producers_write() {
    let reads = |value: &str| Record::read(&raw(value.as_bytes()), &pointers());
    for value in [r#""a.jpg""#, "\u{feff}a.jpg", r#"[{"uri": "a.jpg"}]"#, r#"{"uri": ["a.jpg"]}"#] {
        assert_eq!(reads(value).unwrap().uri, "a.jpg", "{value}");
    }
    assert_eq!(reads("[cam]/a.jpg").unwrap().uri, "[cam]/a.jpg", "a key may begin so");
    let listed = reads(r#"{"uri": "a", "camera_id": [7], "sequence": 12.0}"#).unwrap();
    assert_eq!((&*listed.camera_id, listed.sequence), ("7", Some(12)));
    for (value, reason) in [
        (r#"[{"uri": "a"}, {"uri": "b"}]"#, BadRecord::SeveralFrames),
        ("[]", BadRecord::SeveralFrames),
        (r#"{"uri": ["a", "b"]}"#, BadRecord::Field("uri")),
        (r#"{"uri": "a", "sequence": 1.5}"#, BadRecord::Field("sequence")),
        ("\0\0\0\0\u{7}{\"uri\": \"a\"}", BadRecord::SchemaRegistry),
        (r#""""#, BadRecord::NoReference),
    ] {
        assert_eq!(reads(value), Err(reason), "{value}");
    }
    let nested = RecordMap { uri: Selector::Pointer("/frames/0/path".into()), ..pointers() };
    let read = Record::read(&raw(br#"{"frames": [{"path": "a.jpg"}]}"#), &nested);
    assert_eq!(read.unwrap().uri, "a.jpg");
}

#[test]
fn between_a_prefix_and_a_reference_is_one_slash() {
    for (prefix, reference, uri) in [
        ("s3://cams/", "/site/a.jpg", "s3://cams/site/a.jpg"),
        ("s3://cams/", "site/a.jpg", "s3://cams/site/a.jpg"),
        ("frames:", "a.jpg", "frames:a.jpg"),
        ("/var", "/frames/a.jpg", "/var/frames/a.jpg"),
        ("", "/var/frames/a.jpg", "/var/frames/a.jpg"),
    ] {
        let map = RecordMap { uri_prefix: prefix.into(), ..pointers() };
        assert_eq!(Record::read(&raw(reference.as_bytes()), &map).unwrap().uri, uri);
    }
}

#[test]
fn kafkas_timestamp_counts_only_above_zero_and_only_without_one_in_the_record() {
    let with = |timestamp_ms, json: &'static [u8]| {
        let raw = RawRecord { timestamp_ms: Some(timestamp_ms), ..raw(json) };
        Record::read(&raw, &pointers()).unwrap().captured_at
    };
    assert_eq!(with(5000, b"a"), time(5000));
    assert_eq!(with(0, b"a"), None);
    assert_eq!(with(-1, b"a"), None);
    assert_eq!(with(5000, br#"{"uri": "a", "captured_at": 7}"#), time(7000));
}

#[test]
fn bad_records_have_their_reasons() {
    let none = Record::read(&RawRecord { value: None, ..raw(b"") }, &pointers());
    assert_eq!(none, Err(BadRecord::NoValue));
    let deep = format!(r#"{{"uri": "a", "deep": {}{}}}"#, "[".repeat(200), "]".repeat(200));
    let many = format!(
        r#"{{"uri": "a", "models": [{}"x"]}}"#,
        (0..16).map(|n| format!("\"{n}\",")).collect::<String>()
    );
    let cases: [(&[u8], BadRecord); 12] = [
        (b" \n", BadRecord::NoValue),
        (b"\xff\xfe", BadRecord::NotUtf8),
        (br#"{"uri": "#, BadRecord::BrokenJson),
        (deep.as_bytes(), BadRecord::BrokenJson),
        (b"{}", BadRecord::NoReference),
        (br#"{"uri": ""}"#, BadRecord::NoReference),
        (br#"{"uri": {"a": 1}}"#, BadRecord::Field("uri")),
        (br#"{"uri": "a", "camera_id": {}}"#, BadRecord::Field("camera_id")),
        (br#"{"uri": "a", "sequence": -1}"#, BadRecord::Field("sequence")),
        (br#"{"uri": "a", "models": [1]}"#, BadRecord::Field("models")),
        (many.as_bytes(), BadRecord::Field("models")),
        (&[b'a'; MAX_VALUE_BYTES + 1], BadRecord::TooLarge),
    ];
    for (value, reason) in cases {
        assert_eq!(Record::read(&raw(value), &pointers()), Err(reason), "{}", value.escape_ascii());
        let code = reason.error().code;
        assert!([ErrorCode::MalformedReference, ErrorCode::InvalidRequest].contains(&code));
    }
}

#[test]
fn headers_give_fields_of_any_value() {
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        header("frame", "a.jpg"),
        header("when", "1795341600500"),
        header("number", "9"),
        header("for", "detector, classifier"),
        header("traceparent", trace),
    ];
    let select = |name: &str| Selector::Header(name.to_owned());
    let map = RecordMap {
        uri: select("frame"),
        captured_at: select("when"),
        sequence: select("number"),
        models: select("for"),
        ..pointers()
    };
    let record = Record::read(&RawRecord { headers: &headers, ..raw(b"\xff") }, &map).unwrap();
    assert_eq!((record.uri.as_str(), record.sequence), ("a.jpg", Some(9)));
    assert_eq!(record.captured_at, time(1_795_341_600_500));
    assert_eq!(record.models, names(&["detector", "classifier"]));
    assert_eq!(record.traceparent.as_deref(), Some(trace));
    assert_eq!(Record::read(&raw(b"a.jpg"), &map), Err(BadRecord::NoReference));
}

#[test]
fn a_malformed_traceparent_is_ignored() {
    for value in
        ["", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-1-2-3", "\u{e9}"]
    {
        let headers = [("traceparent".to_owned(), Some(value.as_bytes().to_vec()))];
        let record = Record::read(&RawRecord { headers: &headers, ..raw(b"a") }, &pointers());
        assert_eq!(record.unwrap().traceparent, None, "{value}");
    }
}

proptest! {
    #[test]
    fn no_value_panics(value in proptest::collection::vec(any::<u8>(), 0..300), key: Option<Vec<u8>>) {
        let raw = RawRecord { key: key.as_deref(), ..raw(&value) };
        let camera = Record::read(&raw, &pointers()).unwrap_or_else(|_| Record::unreadable(&raw)).camera_id;
        prop_assert!(!camera.is_empty());
    }

    #[test]
    fn no_json_panics(at in "\\PC{0,40}", sequence: f64, models in "\\PC{0,20}") {
        let json = serde_json::json!({"uri": "a", "captured_at": at, "sequence": sequence, "models": models});
        let _ = read(&json.to_string());
        let _ = read(&serde_json::json!({"uri": "a", "captured_at": sequence}).to_string());
    }
}
