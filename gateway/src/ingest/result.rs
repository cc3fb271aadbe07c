//! The JSON of result records and of the drop log.

use std::time::Duration;

use framegate_proto::{ServeError, v1};
use framegate_replica::{
    Answer, Bounds, Class, Classification, Detection, Element, ModelOutput, OutputTensor, Point,
    Served,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    entry::{Entry, Source},
    outcome::DropReason,
};

#[derive(Serialize)]
struct ResultRecord<'a> {
    id: String,
    camera_id: &'a str,
    uri: &'a str,
    captured_at: Option<Timestamp>,
    sequence: Option<u64>,
    model: &'a str,
    version: Option<&'a str>,
    #[serde(flatten)]
    outcome: OutcomeJson<'a>,
    timings_ms: Option<TimingsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    source: SourceJson<'a>,
}

/// One of these, except that a classification may come with its embedding.
#[derive(Serialize, Default)]
struct OutcomeJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<ClassJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detections: Option<Vec<DetectionJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<Vec<TensorJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson>,
}

#[derive(Serialize)]
struct ClassJson<'a> {
    label: &'a str,
    index: u32,
    score: f32,
}

#[derive(Serialize)]
struct DetectionJson<'a> {
    label: &'a str,
    index: u32,
    score: f32,
    #[serde(rename = "box")]
    bounds: BoxJson,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    landmarks: Vec<PointJson>,
}

#[derive(Serialize)]
struct PointJson {
    x: f32,
    y: f32,
}

/// `data` holds the elements in row-major order as numbers, or as true and false.
#[derive(Serialize)]
struct TensorJson<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: &'a [usize],
    data: Vec<Element>,
}

#[derive(Serialize)]
struct BoxJson {
    x_min: f32,
    y_min: f32,
    x_max: f32,
    y_max: f32,
}

/// As `framegate.v1.Error`: `code` is the number of the gRPC code.
#[derive(Serialize)]
struct ErrorJson {
    code: i32,
    reason: String,
    message: String,
}

/// Milliseconds with fractions.
#[derive(Serialize)]
struct TimingsJson {
    queue: f64,
    fetch: f64,
    decode: f64,
    prepare: f64,
    batch_wait: f64,
    execute: f64,
}

#[derive(Serialize)]
struct SourceJson<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
}

#[derive(Serialize)]
struct DropRecord<'a> {
    id: String,
    camera_id: &'a str,
    model: &'a str,
    reason: &'a str,
    /// Of a range that was skipped: how many records, from `source` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    source: SourceJson<'a>,
}

/// The result record of an answered entry: one JSON object without a line break. A capture
/// time, sequence, version or timings that there are none of are `null`.
pub fn result_record(entry: &Entry, answer: &Answer) -> Vec<u8> {
    let record = &entry.taken.record;
    let served = answer.as_ref().ok();
    to_json(&ResultRecord {
        id: entry.id(),
        camera_id: &record.camera_id,
        uri: &record.uri,
        captured_at: record.captured_at.and_then(|time| Timestamp::try_from(time).ok()),
        sequence: record.sequence,
        model: &entry.model,
        version: served.map(|served| &*served.version),
        outcome: OutcomeJson::of(answer),
        timings_ms: served.map(TimingsJson::of),
        traceparent: record.traceparent.as_deref(),
        source: SourceJson::of(&entry.taken.source),
    })
}

/// The drop log's line of a dropped entry, without the line break.
pub fn drop_record(entry: &Entry, reason: DropReason) -> Vec<u8> {
    to_json(&DropRecord {
        id: entry.id(),
        camera_id: &entry.taken.record.camera_id,
        model: &entry.model,
        reason: reason.name(),
        count: (reason == DropReason::Skipped).then_some(entry.taken.records),
        source: SourceJson::of(&entry.taken.source),
    })
}

#[expect(clippy::expect_used, reason = "only a map with keys that are no strings can fail here")]
fn to_json(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("plain structs are valid JSON")
}

impl<'a> OutcomeJson<'a> {
    fn of(answer: &'a Answer) -> Self {
        match answer {
            Ok(served) => Self::of_output(&served.output),
            Err(error) => Self { error: Some(ErrorJson::of(error)), ..Self::default() },
        }
    }

    fn of_output(output: &'a ModelOutput) -> Self {
        match output {
            ModelOutput::Classification(Classification { classes, embedding }) => Self {
                classes: Some(classes.iter().map(ClassJson::of).collect()),
                embedding: embedding.as_deref(),
                ..Self::default()
            },
            ModelOutput::Detections(items) => Self {
                detections: Some(items.iter().map(DetectionJson::of).collect()),
                ..Self::default()
            },
            ModelOutput::Embedding(values) => Self { embedding: Some(values), ..Self::default() },
            ModelOutput::Tensors(items) => Self {
                tensors: Some(items.iter().map(TensorJson::of).collect()),
                ..Self::default()
            },
        }
    }
}

impl<'a> ClassJson<'a> {
    fn of(class: &'a Class) -> Self {
        Self { label: &class.label, index: class.index, score: class.score }
    }
}

impl<'a> DetectionJson<'a> {
    fn of(detection: &'a Detection) -> Self {
        let Bounds { x_min, y_min, x_max, y_max } = detection.bounds;
        Self {
            label: &detection.label,
            index: detection.index,
            score: detection.score,
            bounds: BoxJson { x_min, y_min, x_max, y_max },
            landmarks: detection
                .landmarks
                .iter()
                .map(|&Point { x, y }| PointJson { x, y })
                .collect(),
        }
    }
}

impl<'a> TensorJson<'a> {
    fn of(tensor: &'a OutputTensor) -> Self {
        Self {
            name: &tensor.name,
            datatype: tensor.datatype.name(),
            shape: &tensor.shape,
            data: tensor.elements().collect(),
        }
    }
}

impl ErrorJson {
    fn of(error: &ServeError) -> Self {
        let v1::Error { code, reason, message } = error.into();
        Self { code, reason, message }
    }
}

impl TimingsJson {
    fn of(served: &Served) -> Self {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        let timings = &served.timings;
        Self {
            queue: milliseconds(timings.queue),
            fetch: milliseconds(timings.fetch),
            decode: milliseconds(timings.decode),
            prepare: milliseconds(timings.prepare),
            batch_wait: milliseconds(timings.batch_wait),
            execute: milliseconds(timings.execute),
        }
    }
}

impl<'a> SourceJson<'a> {
    fn of(source: &'a Source) -> Self {
        Self {
            topic: &source.partition.topic,
            partition: source.partition.number,
            offset: source.offset,
        }
    }
}

#[cfg(test)]
mod tests;
