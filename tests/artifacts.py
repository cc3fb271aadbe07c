"""Artifacts that are at fault: one that cannot be loaded, and one that fails whenever it is executed."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

CLASSES = 11
MODEL_YAML = """
name: faulty
version: "1"
task: classification
input: { name: image, width: 8, height: 8, channels: rgb, fit: stretch, mean: [0, 0, 0], std: [1, 1, 1] }
outputs: { scores: probabilities }
labels: labels.txt
top_k: 1
"""


def unloadable(folder: Path) -> Path:
    """Its model is no ONNX file."""
    describe(folder)
    (folder / "model.onnx").write_bytes(b"this is no model")
    return folder


def failing(folder: Path) -> Path:
    """Its model gives any image a shape that no number of images has."""
    describe(folder)
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [7, CLASSES])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])
    scores = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", "classes"])
    node = helper.make_node("Reshape", ["image", "shape"], ["probabilities"])
    graph = helper.make_graph([node], "failing", [image], [scores], [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    return folder


def describe(folder: Path) -> None:
    """What stands beside a model."""
    folder.mkdir()
    (folder / "model.yaml").write_text(MODEL_YAML)
    (folder / "labels.txt").write_text("nothing\n" * CLASSES)
