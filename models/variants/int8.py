"""A variant that computes in 8-bit integers: weights by channel, the rest by the ranges that frames show.

Quantised are the operators for which ONNX Runtime's CPU provider has an integer kernel. What suffers most
stays f32: the first layers, whose errors all others inherit, the last one before each output, whose errors
nothing evens out, and what comes after it, as a softmax or what decodes boxes.
"""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from artifact import Refused
from frames import prepare
from onnx import version_converter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

LAYERS = ("Conv", "Gemm")
QUANTISED = [*LAYERS, "Add", "Clip", "Relu", "LeakyRelu", "Concat", "Resize", "GlobalAveragePool"]
OPSET = 13  # the first with weights per channel
PERCENTILE = 99.999  # what lies beyond is cut, so that one outlier does not coarsen all other values


class Frames(CalibrationDataReader):
    """Inputs, one by one: what a network makes of all of them would not fit in memory."""

    def __init__(self, paths: Sequence[Path], spec: dict) -> None:
        self.paths = paths
        self.spec = spec
        self.set_range(0, len(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.left = iter(self.paths[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        path = next(self.left, None)
        return None if path is None else {self.spec["name"]: prepare(path, self.spec).values}


def quantised(
    network: onnx.ModelProto, frames: Frames, keep: int, *, reduce_range: bool
) -> tuple[onnx.ModelProto, int]:
    """The network in int8, and how many of its layers are; the first `keep` stay f32, as do the last ones.

    With `reduce_range` weights have 7 bits, so that sums do not saturate on processors without VNNI.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        simple = simplified(network, Path(folder))
        layers = [node.name for node in simple.graph.node if node.op_type in LAYERS]
        kept = {*layers[:keep], *tail(simple.graph)}
        changed = set(layers) - kept
        if not changed:
            raise Refused(f"of {len(layers)} layers ({', '.join(LAYERS)}) none is left to quantise")
        source, destination = Path(folder) / "simple.onnx", Path(folder) / "quantised.onnx"
        onnx.save(simple, source)
        quantize_static(
            source,
            destination,
            frames,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            nodes_to_exclude=sorted(kept),
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE, "CalibStridedMinMax": 1},  # 1: frame by frame
        )
        result = onnx.load(destination)
    keep_used_operator_sets(result)
    onnx.checker.check_model(result)
    return result, len(changed)


def simplified(network: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The network as ONNX Runtime folds it: what is one kernel is quantised as one. Nodes have names."""
    source, destination = folder / "network.onnx", folder / "folded.onnx"
    onnx.save(with_operator_set(network), source)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(destination)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    result = onnx.shape_inference.infer_shapes(onnx.load(destination))
    for node in result.graph.node:
        node.name = node.name or next(filter(None, node.output))
    return result


def with_operator_set(network: onnx.ModelProto) -> onnx.ModelProto:
    version = next((used.version for used in network.opset_import if used.domain in ("", "ai.onnx")), OPSET)
    return network if version >= OPSET else version_converter.convert_version(network, OPSET)


def tail(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes from which no layer is reached: the last layers, and what follows them."""
    names: set[str] = set()
    feeds_layer: set[str] = set()
    for node in reversed(graph.node):  # the nodes are in the order of the data's flow
        leads_to_layer = bool(feeds_layer.intersection(node.output))
        if not leads_to_layer:
            names.add(node.name)
        if leads_to_layer or node.op_type in LAYERS:
            feeds_layer.update(node.input)
    return names


def keep_used_operator_sets(network: onnx.ModelProto) -> None:
    """Drops the declarations of operator sets that only ONNX Runtime's optimiser has made."""
    used = {node.domain for node in network.graph.node}
    imports = [entry for entry in network.opset_import if entry.domain in used]
    del network.opset_import[:]
    network.opset_import.extend(imports)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the reports and warnings of the quantiser."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            yield
    finally:
        logging.disable(before)
