use std::{sync::Arc, time::Duration};

use framegate_proto::ErrorCode;
use framegate_replica::{Datatype, Timings};
use serde_json::{Value, json};

use super::*;
use crate::ingest::testing::entry;

fn served(output: ModelOutput) -> Answer {
    Ok(Served {
        model: "detector".into(),
        version: "v2".into(),
        replica: "detector-0".into(),
        batch_size: 4,
        output,
        timings: Timings { queue: Duration::from_micros(1500), ..Timings::default() },
    })
}

fn record(model: &str, answer: &Answer) -> Value {
    let json = result_record(&entry(model), answer);
    assert!(!json.contains(&b'\n'));
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn a_detection_has_every_field_of_the_design() {
    let detection = Detection {
        label: "person".into(),
        index: 0,
        score: 0.5,
        bounds: Bounds { x_min: 1.0, y_min: 2.0, x_max: 3.5, y_max: 4.0 },
        landmarks: Vec::new(),
    };
    let found = record("detector", &served(ModelOutput::Detections(vec![detection])));
    let bounds = json!({"x_min": 1.0, "y_min": 2.0, "x_max": 3.5, "y_max": 4.0});
    let expected = json!({
        "id": "camera_1:0:7:detector",
        "camera_id": "yard",
        "uri": "frames:a.jpg",
        "captured_at": "2026-11-22T10:00:00.5Z",
        "sequence": 3,
        "model": "detector",
        "version": "v2",
        "detections": [{"label": "person", "index": 0, "score": 0.5, "box": bounds}],
        "timings_ms": {"queue": 1.5, "fetch": 0.0, "decode": 0.0, "prepare": 0.0,
                       "batch_wait": 0.0, "execute": 0.0},
        "source": {"topic": "camera_1", "partition": 0, "offset": 7},
    });
    assert_eq!(found, expected);
}

#[test]
fn a_classifier_may_carry_its_embedding() {
    let classes = vec![Class { label: "cat".into(), index: 281, score: 0.25 }];
    let with = Classification { classes, embedding: Some(vec![0.5, -1.0]) };
    let found = record("classifier", &served(ModelOutput::Classification(with)));
    assert_eq!(found["classes"], json!([{"label": "cat", "index": 281, "score": 0.25}]));
    assert_eq!(found["embedding"], json!([0.5, -1.0]));
    let alone = record("embedder", &served(ModelOutput::Embedding(vec![0.5])));
    assert_eq!((alone.get("classes"), &alone["embedding"]), (None, &json!([0.5])));
}

#[test]
fn landmarks_are_points_of_the_frame() {
    let face = Detection {
        label: "face".into(),
        index: 0,
        score: 0.5,
        bounds: Bounds { x_min: 1.0, y_min: 2.0, x_max: 3.5, y_max: 4.0 },
        landmarks: vec![Point { x: 1.5, y: 2.5 }, Point { x: 2.0, y: 2.5 }],
    };
    let found = record("faces", &served(ModelOutput::Detections(vec![face])));
    let points = json!([{"x": 1.5, "y": 2.5}, {"x": 2.0, "y": 2.5}]);
    assert_eq!(found["detections"][0]["landmarks"], points);
}

#[test]
fn tensors_are_numbers_in_row_major_order() {
    let values = [0.5_f32, -1.0, f32::NAN, 0.25];
    let floats = OutputTensor {
        name: "heatmap".into(),
        datatype: Datatype::Fp32,
        shape: vec![1, 2, 2],
        contents: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    let flags = OutputTensor {
        name: "flags".into(),
        datatype: Datatype::Bool,
        shape: vec![2],
        contents: vec![1, 0].into(),
    };
    let found = record("raw", &served(ModelOutput::Tensors(vec![floats, flags])));
    let expected = json!([
        {"name": "heatmap", "datatype": "FP32", "shape": [1, 2, 2], "data": [0.5, -1.0, null, 0.25]},
        {"name": "flags", "datatype": "BOOL", "shape": [2], "data": [true, false]},
    ]);
    assert_eq!(found["tensors"], expected);
}

#[test]
fn an_error_has_code_reason_and_message() {
    let found = record("detector", &Err(ErrorCode::ObjectNotFound.into()));
    let expected = json!({"code": 5, "reason": "OBJECT_NOT_FOUND",
                          "message": ErrorCode::ObjectNotFound.message()});
    assert_eq!(found["error"], expected);
    assert_eq!((&found["version"], &found["timings_ms"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_drop_says_why() {
    let found: Value =
        serde_json::from_slice(&drop_record(&entry("detector"), DropReason::TooOld)).unwrap();
    let expected = json!({
        "id": "camera_1:0:7:detector",
        "camera_id": "yard",
        "model": "detector",
        "reason": "too_old",
        "source": {"topic": "camera_1", "partition": 0, "offset": 7},
    });
    assert_eq!(found, expected);
}

#[test]
fn a_skipped_range_says_how_many_it_is() {
    let mut skipped = entry("detector");
    Arc::get_mut(&mut skipped.taken).unwrap().records = 4000;
    let found: Value = serde_json::from_slice(&drop_record(&skipped, DropReason::Skipped)).unwrap();
    assert_eq!((&found["reason"], &found["count"]), (&json!("skipped"), &json!(4000)));
    assert_eq!(found["source"]["offset"], 7, "the first of them");
}
