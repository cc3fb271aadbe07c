//! Between the API's messages and the gateway's own types.

use std::{sync::Arc, time::Duration};

use framegate_proto::{ServeError, v1};
use framegate_replica::{
    Answer, Bounds, Class, Classification, Detection, ModelOutput, OutputTensor, Point, Served,
    Timings,
};

/// A model's part of a response.
pub(super) fn model_result(model: &Arc<str>, answer: &Answer) -> v1::ModelResult {
    match answer {
        Ok(result) => served(model, result),
        Err(error) => v1::ModelResult {
            model: model.to_string(),
            outcome: Some(v1::model_result::Outcome::Error(error.into())),
            ..Default::default()
        },
    }
}

/// A model's result.
pub(super) fn served(model: &Arc<str>, served: &Served) -> v1::ModelResult {
    v1::ModelResult {
        model: model.to_string(),
        version: served.version.to_string(),
        replica: served.replica.to_string(),
        batch_size: served.batch_size,
        outcome: Some(outcome(&served.output)),
    }
}

/// The error of the whole call: there is one only when all models failed for the same reason.
pub(super) fn common_error(answers: &[Answer]) -> Option<ServeError> {
    let mut errors = answers.iter().map(|answer| answer.as_ref().err());
    let first = errors.next()??;
    errors.all(|error| error.is_some_and(|error| error.code == first.code)).then(|| first.clone())
}

/// The longest that any of the models took, stage by stage.
pub(super) fn timings(answers: &[Answer]) -> v1::Timings {
    let served = || answers.iter().filter_map(|answer| Some(answer.as_ref().ok()?.timings));
    let longest = |stage: fn(Timings) -> Duration| {
        let took = served().map(stage).max().unwrap_or_default();
        prost_types::Duration::try_from(took).ok()
    };
    v1::Timings {
        queue: longest(|timings| timings.queue),
        fetch: longest(|timings| timings.fetch),
        decode: longest(|timings| timings.decode + timings.prepare),
        batch_wait: longest(|timings| timings.batch_wait),
        execute: longest(|timings| timings.execute),
    }
}

fn outcome(output: &ModelOutput) -> v1::model_result::Outcome {
    use v1::model_result::Outcome;
    match output {
        ModelOutput::Classification(found) => Outcome::Classification(classification(found)),
        ModelOutput::Detections(items) => {
            Outcome::Detections(v1::Detections { items: items.iter().map(detection).collect() })
        }
        ModelOutput::Embedding(values) => Outcome::Embedding(embedding(values)),
        ModelOutput::Tensors(items) => {
            Outcome::Tensors(v1::Tensors { items: items.iter().map(tensor).collect() })
        }
    }
}

fn classification(found: &Classification) -> v1::Classification {
    v1::Classification {
        classes: found.classes.iter().map(class).collect(),
        embedding: found.embedding.as_deref().map(embedding),
    }
}

fn class(Class { label, index, score }: &Class) -> v1::Class {
    v1::Class { label: label.to_string(), index: *index, score: *score }
}

fn detection(Detection { label, index, score, bounds, landmarks }: &Detection) -> v1::Detection {
    let Bounds { x_min, y_min, x_max, y_max } = *bounds;
    let bounds = v1::Box { x_min, y_min, x_max, y_max };
    v1::Detection {
        label: label.to_string(),
        index: *index,
        score: *score,
        r#box: Some(bounds),
        landmarks: landmarks.iter().map(|&Point { x, y }| v1::Point { x, y }).collect(),
    }
}

fn tensor(OutputTensor { name, datatype, shape, contents }: &OutputTensor) -> v1::Tensor {
    v1::Tensor {
        name: name.to_string(),
        datatype: datatype.name().to_owned(),
        // A side is at most the bytes of a result.
        shape: shape.iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX)).collect(),
        contents: contents.clone(),
    }
}

fn embedding(values: &[f32]) -> v1::Embedding {
    v1::Embedding { values: values.to_vec() }
}

#[cfg(test)]
mod tests {
    use framegate_proto::ErrorCode;
    use framegate_replica::Served;

    use super::*;

    fn result() -> Answer {
        Ok(Served {
            model: "m".into(),
            version: "1".into(),
            replica: "m-1".into(),
            batch_size: 1,
            output: ModelOutput::Embedding(vec![1.0]),
            timings: Timings::default(),
        })
    }

    #[test]
    fn tensors_and_landmarks_are_passed_on() {
        use v1::model_result::Outcome;
        let tensor = OutputTensor {
            name: "mask".into(),
            datatype: framegate_replica::Datatype::Int64,
            shape: vec![1, 1],
            contents: vec![7, 0, 0, 0, 0, 0, 0, 0].into(),
        };
        let Outcome::Tensors(tensors) = outcome(&ModelOutput::Tensors(vec![tensor])) else {
            panic!("no tensors")
        };
        let found = &tensors.items[0];
        assert_eq!((found.name.as_str(), found.datatype.as_str()), ("mask", "INT64"));
        assert_eq!((found.shape.as_slice(), found.contents.len()), ([1, 1].as_slice(), 8));
        let face = Detection {
            label: "face".into(),
            index: 0,
            score: 0.5,
            bounds: Bounds { x_min: 1.0, y_min: 2.0, x_max: 3.0, y_max: 4.0 },
            landmarks: vec![Point { x: 1.5, y: 2.5 }],
        };
        assert_eq!(detection(&face).landmarks, [v1::Point { x: 1.5, y: 2.5 }]);
    }

    #[test]
    fn a_call_fails_only_when_all_models_fail_for_the_same_reason() {
        let error = |code: ErrorCode| -> Answer { Err(code.into()) };
        let full = || error(ErrorCode::QueueFull);
        let cases = [
            (vec![full()], true),
            (vec![full(), full()], true),
            (vec![full(), error(ErrorCode::UnknownModel)], false),
            (vec![full(), result()], false),
            (vec![result()], false),
        ];
        for (answers, fails) in cases {
            assert_eq!(common_error(&answers).is_some(), fails, "{answers:?}");
        }
    }
}
