use super::*;
use crate::{
    artifact::{Axes, Channels, OffsetFrom, SizeRule},
    frame::{Fit, InputGeometry},
};

const FLOAT: Result<Datatype, &str> = Ok(Datatype::Fp32);

fn tensor(name: &str, datatype: Result<Datatype, &str>, shape: &[i64]) -> Declared {
    let shape = shape.iter().map(|&side| usize::try_from(side).ok()).collect();
    Declared { name: name.to_owned(), datatype: datatype.map_err(str::to_owned), shape }
}

fn model(outputs: Vec<Declared>) -> Signature {
    Signature { inputs: vec![tensor("image", FLOAT, &[-1, 3, 32, 64])], outputs }
}

fn input() -> InputSpec {
    InputSpec {
        tensor: "image".to_owned(),
        geometry: InputGeometry { width: 64, height: 32, fit: Fit::Stretch },
        channels: Channels::Rgb,
        mean: [0.0; 3],
        std: [1.0; 3],
    }
}

fn labels() -> Labels {
    ["cat", "dog"].map(Into::into).into()
}

fn detection(decode: Decode) -> Task {
    Task::Detection { decode, labels: labels(), score_threshold: 0.5, iou_threshold: 0.5 }
}

fn boxes() -> Task {
    detection(Decode::Boxes { boxes: "boxes".to_owned(), scores: "scores".to_owned() })
}

fn center_points() -> Task {
    detection(Decode::CenterPoints(CenterPoints {
        heatmap: "heatmap".to_owned(),
        scale: "scale".to_owned(),
        offset: "offset".to_owned(),
        landmarks: Some("landmarks".to_owned()),
        stride: 4,
        rows: 8,
        columns: 16,
        axes: Axes::Yx,
        size: SizeRule::Exponential,
        offset_from: OffsetFrom::Center,
    }))
}

/// The heads of a fitting model, one of them replaced.
fn heads(other: Option<Declared>) -> Vec<Declared> {
    let mut heads = vec![
        tensor("heatmap", FLOAT, &[-1, 2, -1, -1]),
        tensor("scale", FLOAT, &[-1, 2, 8, 16]),
        tensor("offset", FLOAT, &[-1, 2, 8, 16]),
        tensor("landmarks", FLOAT, &[-1, 10, 8, 16]),
    ];
    if let Some(other) = other {
        heads.retain(|head| head.name != other.name);
        heads.push(other);
    }
    heads
}

fn tensors(outputs: &[&str]) -> Task {
    Task::Tensors { outputs: outputs.iter().map(|name| (*name).to_owned()).collect() }
}

fn classification() -> Task {
    let scores = "scores".to_owned();
    Task::Classification { scores, embedding: None, labels: labels(), top_k: 1 }
}

#[test]
fn what_a_model_leaves_open_is_left_to_the_run() {
    let open =
        || vec![tensor("boxes", FLOAT, &[-1, -1, 4]), tensor("scores", FLOAT, &[-1, -1, -1])];
    assert!(boxes().fit(&input(), &model(open())).is_ok());
    assert!(center_points().fit(&input(), &model(heads(None))).is_ok());
    let scores = tensor("scores", FLOAT, &[-1, 2, 1, 1]);
    assert!(classification().fit(&input(), &model(vec![scores])).is_ok());
}

#[test]
fn no_named_tensor_means_all() {
    let all = || {
        let of = |name: &str, datatype| tensor(name, Ok(datatype), &[-1, 5]);
        model(vec![of("a", Datatype::Int64), of("b", Datatype::Uint8)])
    };
    for (named, wanted) in [(tensors(&[]), ["a", "b"]), (tensors(&["b", "a"]), ["b", "a"])] {
        let Ok(Task::Tensors { outputs }) = named.fit(&input(), &all()) else { panic!("refused") };
        assert_eq!(outputs, wanted);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let two = |boxes: &[i64], scores: &[i64]| {
        vec![tensor("boxes", FLOAT, boxes), tensor("scores", FLOAT, scores)]
    };
    let head = |name, shape: &[i64]| heads(Some(tensor(name, FLOAT, shape)));
    let large = || tensor("large", FLOAT, &[-1, 2048, 2049]);
    let cases = [
        (
            boxes(),
            vec![tensor("boxes", FLOAT, &[-1, -1, 4]), tensor("score", FLOAT, &[-1, -1, 2])],
            "no tensor `scores`, which its model.yaml names; did you mean `score`?",
        ),
        (
            boxes(),
            two(&[-1, 9, 5], &[-1, 9, 2]),
            "`boxes` is of shape [?, 9, 5] where model.yaml and labels want [N, anchors, 4]",
        ),
        (boxes(), two(&[-1, 9, 4], &[-1, 9, 3]), "`scores` is of shape [?, 9, 3]"),
        (boxes(), two(&[-1, 36], &[-1, 9, 2]), "`boxes` is of shape [?, 36]"),
        (center_points(), head("heatmap", &[-1, 1, 8, 16]), "`heatmap` is of shape [?, 1, 8, 16]"),
        (center_points(), head("scale", &[-1, 2, 16, 8]), "want [N, 2, 8, 16]"),
        (center_points(), head("offset", &[-1, 2, 128]), "`offset` is of shape [?, 2, 128]"),
        (center_points(), head("landmarks", &[-1, 9, 8, 16]), "has 9 channels, which are no pairs"),
        (
            center_points(),
            heads(Some(tensor("scale", Ok(Datatype::Fp64), &[-1, 2, 8, 16]))),
            "`scale` is of FP64 where the task wants FP32",
        ),
        (
            classification(),
            vec![tensor("scores", FLOAT, &[-1, 1000])],
            "`scores` has 1000 values for a frame, and there are 2 labels",
        ),
        (tensors(&["x"]), vec![tensor("a", FLOAT, &[-1])], "no tensor `x`"),
        (
            tensors(&[]),
            vec![tensor("half", Err("of f16"), &[-1, 4])],
            "`half` is of f16, which no result carries",
        ),
        (tensors(&["sum"]), vec![tensor("sum", FLOAT, &[])], "`sum` has no side for the batch"),
        (tensors(&[]), vec![large()], "16785408 bytes, and at most 16777216 are answered"),
    ];
    for (task, outputs, reason) in cases {
        let refusal = task.fit(&input(), &model(outputs)).unwrap_err().to_string();
        assert!(refusal.contains(reason), "{reason}: {refusal}");
    }
}

#[test]
fn the_input_must_be_the_one_that_is_made() {
    let outputs = || vec![tensor("a", FLOAT, &[-1, 4])];
    let other = || tensor("size", FLOAT, &[2]);
    let image = |shape: &[i64]| tensor("image", FLOAT, shape);
    let bytes = || tensor("image", Ok(Datatype::Uint8), &[-1, 3, 32, 64]);
    for (inputs, reason) in [
        (vec![tensor("images", FLOAT, &[-1, 3, 32, 64])], "did you mean `images`?"),
        (vec![image(&[-1, 3, 64, 32])], "of shape [?, 3, 64, 32]"),
        (vec![image(&[-1, 32, 64, 3])], "want [N, 3, 32, 64]"),
        (vec![bytes()], "`image` is of UINT8 where the task wants FP32"),
        (vec![image(&[-1, 3, -1, -1]), other()], "also wants `size`"),
    ] {
        let model = Signature { inputs, outputs: outputs() };
        let refusal = tensors(&[]).fit(&input(), &model).unwrap_err().to_string();
        assert!(refusal.contains(reason), "{reason}: {refusal}");
    }
}
