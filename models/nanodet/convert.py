"""Turns the nodes of a TensorFlow graph (images as NHWC) into ONNX nodes (images as NCHW) that give the same numbers."""

import numpy as np
from onnx_graph import OnnxGraph
from tfjs import GraphModel, Node

NHWC_TO_NCHW = [0, 3, 1, 2]
NCHW_TO_NHWC = [0, 2, 3, 1]


class Converter:
    """Knows the operators that NanoDet uses, in the forms in which it uses them; any other is refused."""

    def __init__(self, model: GraphModel, graph: OnnxGraph, image: str):
        """`image` is the name that the graph's only input gets."""
        self._model = model
        self._graph = graph
        self._image = image
        self._constants = dict(model.constants)
        self._renamed: dict[str, str] = {}

    def convert(self) -> None:
        for node in self._model.nodes:
            handler = self._HANDLERS.get(node.operator)
            if handler is None:
                raise ValueError(f"{node.name}: the operator {node.operator} is not known here")
            handler(self, node)

    def tensor(self, name: str) -> str:
        """The ONNX tensor that holds what the TensorFlow tensor `name` holds."""
        name = self._renamed.get(name, name)
        if name in self._constants:
            self._graph.constant(name, self._constants[name])
        return name

    def _constant(self, node: Node, position: int) -> np.ndarray:
        return self._constants[node.inputs[position]]

    def _placeholder(self, node: Node) -> None:
        self._renamed[node.name] = self._image

    def _identity(self, node: Node) -> None:
        self._renamed[node.name] = self.tensor(node.inputs[0])

    def _sparse_to_dense(self, node: Node) -> None:
        """Always of constants: it is computed here, and only what uses it becomes a node."""
        indices, shape, values, default = (self._constants[name] for name in node.inputs)
        dense = np.full(shape, default)
        dense[tuple(indices.T)] = values
        self._constants[node.name] = dense

    def _add(self, node: Node) -> None:
        if all(name in self._constants for name in node.inputs):
            self._constants[node.name] = self._constant(node, 0) + self._constant(node, 1)
        else:
            self._graph.node("Add", [self.tensor(name) for name in node.inputs], node.name)

    def _transpose(self, node: Node) -> None:
        self._graph.node("Transpose", [self.tensor(node.inputs[0])], node.name, perm=self._constant(node, 1).tolist())

    def _pad(self, node: Node) -> None:
        before, after = self._constant(node, 1).T
        value = self._constant(node, 2) if node.operator == "PadV2" else np.float32(0)
        pads = self._graph.constant(f"{node.name}/pads", np.concatenate([before, after]).astype(np.int64))
        filler = self._graph.constant(f"{node.name}/value", np.asarray(value, np.float32))
        self._graph.node("Pad", [self.tensor(node.inputs[0]), pads, filler], node.name)

    def _convolution(self, node: Node) -> None:
        _require(node, node.text("padding") == "VALID" and node.text("data_format") == "NHWC")
        kernel = self._constant(node, 1)  # height, width, channels in, channels out
        weights = self._graph.constant(f"{node.name}/weights", kernel.transpose(3, 2, 0, 1))
        strides = node.height_and_width("strides")
        self._on_nchw(node, "Conv", weights, strides=strides, kernel_shape=kernel.shape[:2])

    def _max_pool(self, node: Node) -> None:
        _require(node, node.text("padding") == "VALID")
        kernel, strides = node.height_and_width("ksize"), node.height_and_width("strides")
        self._on_nchw(node, "MaxPool", kernel_shape=kernel, strides=strides)

    def _resize(self, node: Node) -> None:
        _require(node, node.flag("half_pixel_centers") and not node.flag("align_corners"))
        image = self._graph.node("Transpose", [self.tensor(node.inputs[0])], f"{node.name}/nchw", perm=NHWC_TO_NCHW)
        size = self._size_of_batch(node, image, self._constant(node, 1))
        resized = f"{node.name}/resized"
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self._graph.node("Resize", [image, "", "", size], resized, **mode)
        self._graph.node("Transpose", [resized], node.name, perm=NCHW_TO_NHWC)

    def _size_of_batch(self, node: Node, image: str, height_and_width: np.ndarray) -> str:
        """The image's own batch size and channels, with another height and width."""
        start = self._graph.constant("batch_axis", np.array([0], np.int64))
        end = self._graph.constant("height_axis", np.array([2], np.int64))
        shape = self._graph.node("Shape", [image], f"{node.name}/shape")
        kept = self._graph.node("Slice", [shape, start, end], f"{node.name}/kept")
        wanted = self._graph.constant(f"{node.name}/wanted", height_and_width.astype(np.int64))
        return self._graph.node("Concat", [kept, wanted], f"{node.name}/size", axis=0)

    def _leaky_relu(self, node: Node) -> None:
        self._graph.node("LeakyRelu", [self.tensor(node.inputs[0])], node.name, alpha=node.number("alpha"))

    def _sigmoid(self, node: Node) -> None:
        self._graph.node("Sigmoid", [self.tensor(node.inputs[0])], node.name)

    def _concat(self, node: Node) -> None:
        *parts, axis = node.inputs
        self._graph.node("Concat", [self.tensor(part) for part in parts], node.name, axis=int(self._constants[axis]))

    def _split(self, node: Node) -> None:
        sizes, axis = self._constant(node, 1), int(self._constant(node, 2))
        outputs = [node.name] + [f"{node.name}:{position}" for position in range(1, len(sizes))]
        lengths = self._graph.constant(f"{node.name}/sizes", sizes.astype(np.int64))
        self._graph.node("Split", [self.tensor(node.inputs[0]), lengths], *outputs, axis=axis)

    def _reshape(self, node: Node) -> None:
        shape = self._constant(node, 1).astype(np.int64)
        shape[0] = 0  # ONNX: keep this axis, so that any batch size passes
        wanted = self._graph.constant(f"{node.name}/shape", shape)
        self._graph.node("Reshape", [self.tensor(node.inputs[0]), wanted], node.name)

    def _on_nchw(self, node: Node, operator: str, *more_inputs: str, **attributes) -> None:
        image = self._graph.node("Transpose", [self.tensor(node.inputs[0])], f"{node.name}/nchw", perm=NHWC_TO_NCHW)
        result = self._graph.node(operator, [image, *more_inputs], f"{node.name}/result", **attributes)
        self._graph.node("Transpose", [result], node.name, perm=NCHW_TO_NHWC)

    _HANDLERS = {
        "Placeholder": _placeholder,
        "Identity": _identity,
        "SparseToDense": _sparse_to_dense,
        "Add": _add,
        "AddV2": _add,
        "Transpose": _transpose,
        "Pad": _pad,
        "PadV2": _pad,
        "Conv2D": _convolution,
        "MaxPool": _max_pool,
        "ResizeBilinear": _resize,
        "LeakyRelu": _leaky_relu,
        "Sigmoid": _sigmoid,
        "ConcatV2": _concat,
        "SplitV": _split,
        "Reshape": _reshape,
    }


def _require(node: Node, supported: bool) -> None:
    if not supported:
        raise ValueError(f"{node.name}: this form of {node.operator} is not known here")
