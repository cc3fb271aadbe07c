use super::*;

const INPUT: &str = "input: { name: x, width: 64, height: 32, channels: rgb, fit: stretch, \
                     mean: [0, 0, 0], std: [1, 1, 1] }";
const CENTER_POINTS: &str =
    "decode: { center_points: { stride: 4, axes: yx, size: exponential, offset_from: center } }";
const HEADS: &str = "outputs: { heatmap: h, scale: s, offset: o }";

/// Reads an artifact of two classes whose `model.yaml` has these lines besides the usual ones.
fn read(lines: &[&str]) -> Result<Artifact, String> {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!("name: a\nversion: '1'\n{INPUT}\n{}\n", lines.join("\n"));
    fs::write(folder.path().join("model.yaml"), yaml).unwrap();
    fs::write(folder.path().join("model.onnx"), "").unwrap();
    fs::write(folder.path().join("labels.txt"), "cat\ndog\n").unwrap();
    fs::write(folder.path().join("empty.txt"), "").unwrap();
    Artifact::read(folder.path(), None).map_err(|error| error.to_string())
}

#[test]
fn boxes_are_the_decode_rule_when_none_is_named() {
    let outputs = "outputs: { boxes: b, scores: s }";
    for decode in ["", "decode: boxes"] {
        let artifact = read(&["task: detection", "labels: labels.txt", outputs, decode]).unwrap();
        let Task::Detection { decode, labels, .. } = artifact.task else { panic!("no detector") };
        assert_eq!(decode, Decode::Boxes { boxes: "b".to_owned(), scores: "s".to_owned() });
        assert_eq!(labels.len(), 2);
    }
}

#[test]
fn center_points_know_their_grid() {
    let lines = ["task: detection", "labels: labels.txt", CENTER_POINTS, HEADS];
    let Task::Detection { decode: Decode::CenterPoints(points), .. } = read(&lines).unwrap().task
    else {
        panic!("no center points")
    };
    assert_eq!((points.rows, points.columns, points.stride), (8, 16, 4));
    assert_eq!((points.axes, points.size), (Axes::Yx, SizeRule::Exponential));
    assert_eq!((points.offset_from, points.landmarks), (OffsetFrom::Center, None));
}

#[test]
fn tensors_are_all_outputs_or_those_of_a_list() {
    for (outputs, wanted) in [("", vec![]), ("outputs: [b, a]", vec!["b", "a"])] {
        let Task::Tensors { outputs } = read(&["task: tensors", outputs]).unwrap().task else {
            panic!("no tensors")
        };
        assert_eq!(outputs, wanted);
    }
}

/// Lines of `model.yaml` and what must stand in their refusal.
const REFUSED: &[(&[&str], &str)] = &[
    (&["task: tensor"], "unknown variant `tensor`"),
    (&["task: tensors", "outputs: []"], "outputs: is empty; leave it out"),
    (&["task: tensors", "outputs: [a, b, a]"], "outputs: `a` stands there twice"),
    (&["task: tensors", "outputs: { scores: a }"], "outputs: is a list of tensors"),
    (&["task: tensors", "decode: boxes"], "decode: is for the task `detection`"),
    (&["task: embedding"], "outputs: is needed for this task"),
    (&["task: embedding", "outputs: [a]"], "outputs: names a tensor for each of embedding"),
    (
        &["task: embedding", "outputs: { embeding: a }"],
        "outputs.embeding: is unknown to this task; did you mean `embedding`?",
    ),
    (&["task: classification", "outputs: { scores: s }"], "labels: is needed for this task"),
    (
        &["task: detection", "labels: labels.txt", "outputs: { boxes: b }"],
        "outputs.scores: is needed for this task",
    ),
    (
        &["task: detection", "labels: empty.txt", "outputs: { boxes: b, scores: s }"],
        "labels: has no line",
    ),
    (
        &["task: detection", "labels: labels.txt", HEADS, "decode: centre_points"],
        "decode: no rule is called `centre_points`; did you mean `center_points`?",
    ),
    (
        &["task: detection", "labels: labels.txt", HEADS, "decode: { bokses: {} }"],
        "decode: no rule is called `bokses`; did you mean `boxes`?",
    ),
    (
        &["task: detection", "labels: labels.txt", HEADS, "decode: anchors"],
        "decode: no rule is called `anchors`; there are: boxes, center_points",
    ),
    (
        &["task: detection", "labels: labels.txt", HEADS, "decode: center_points"],
        "center_points has keys: stride, axes, size and offset_from",
    ),
    (
        &[
            "task: detection",
            "labels: labels.txt",
            HEADS,
            "decode: { center_points: { stride: 4 } }",
        ],
        "missing field `axes`",
    ),
    (
        &["task: detection", "labels: labels.txt", "outputs: { heatmap: h }", CENTER_POINTS],
        "outputs.scale: is needed for this task",
    ),
    (
        &["task: detection", "labels: labels.txt", "outputs: { boxes: b }", CENTER_POINTS],
        "outputs.boxes: is unknown to this task; there are: heatmap, scale, offset, landmarks",
    ),
];

#[test]
fn what_is_not_of_the_form_is_refused_with_the_reason() {
    for (lines, reason) in REFUSED {
        let refusal = read(lines).unwrap_err();
        assert!(refusal.contains(reason), "{lines:?}: {refusal}");
    }
}

#[test]
fn a_stride_must_divide_the_input() {
    for stride in ["0", "5", "64", "128"] {
        let decode = CENTER_POINTS.replace("stride: 4", &format!("stride: {stride}"));
        let refusal = read(&["task: detection", "labels: labels.txt", HEADS, &decode]).unwrap_err();
        assert!(refusal.contains("stride: must divide the input's width and height"), "{refusal}");
    }
}

#[test]
fn a_mistyped_rule_is_refused_with_its_line() {
    let lines = ["task: detection", "labels: labels.txt", HEADS, "decode: centre_points"];
    let refusal = read(&lines).unwrap_err();
    assert!(refusal.contains("line 7"), "{refusal}");
}

#[test]
fn the_example_models_are_of_the_form() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["nanodet", "efficientnet-lite0", "centerface"] {
        let folder = tempfile::tempdir().unwrap();
        for file in ["model.yaml", "labels.txt"] {
            fs::copy(models.join(name).join(file), folder.path().join(file)).unwrap();
        }
        fs::write(folder.path().join("model.onnx"), "").unwrap();
        assert!(Artifact::read(folder.path(), None).is_ok(), "{name}");
    }
}
