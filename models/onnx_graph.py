"""An ONNX graph under construction: nodes and constants are added in the order of the data's flow, then checked and saved."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8

Shape = Sequence[int | str]


class OnnxGraph:
    """Every tensor is named by the node or constant that makes it; a node's name is that of its first output."""

    def __init__(self, name: str):
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        """Adds a constant, once per name, and returns its name."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, operator: str, inputs: Sequence[str], *outputs: str, **attributes) -> str:
        """Adds a node and returns the name of its first output."""
        self._nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes))
        return outputs[0]

    def save(self, path: Path, inputs: dict[str, Shape], outputs: dict[str, Shape]) -> None:
        """Checks the graph, its shapes included, and writes it; all inputs and outputs are float32."""
        graph = helper.make_graph(
            self._nodes, self.name, _float_tensors(inputs), _float_tensors(outputs), list(self._constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="framegate"
        )
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def _float_tensors(shapes: dict[str, Shape]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
