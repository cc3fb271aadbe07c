//! Results as the two models of the demo give them.

use std::time::Duration;

use framegate_replica::{Bounds, Class, Classification, Detection, ModelOutput, Served, Timings};

/// The five best classes.
pub fn classification() -> Served {
    let class = |index: u32| Class {
        label: format!("class number {index}").into(),
        index,
        score: 0.5 / (index + 1) as f32,
    };
    let classes = (0..5).map(class).collect();
    served("classifier", ModelOutput::Classification(Classification { classes, embedding: None }))
}

/// Twenty people, without landmarks.
pub fn detections() -> Served {
    let detection = |index: u16| {
        let left = 90.5 * f32::from(index);
        let bounds = Bounds { x_min: left, y_min: 412.25, x_max: left + 60.0, y_max: 600.75 };
        let score = 1.0 / (f32::from(index) + 1.5);
        Detection { label: "person".into(), index: 0, score, bounds, landmarks: Vec::new() }
    };
    served("detector", ModelOutput::Detections((0..20).map(detection).collect()))
}

fn served(model: &str, output: ModelOutput) -> Served {
    let micros = Duration::from_micros;
    Served {
        model: model.into(),
        version: "1".into(),
        replica: format!("{model}-1").into(),
        batch_size: 16,
        output,
        timings: Timings {
            queue: micros(1234),
            fetch: micros(321),
            decode: micros(2100),
            prepare: micros(210),
            batch_wait: micros(1500),
            execute: micros(45_678),
        },
    }
}
