"""A variant whose weights are stored in half precision, in half the space.

ONNX Runtime's CPU provider has hardly an operator for half precision on x86: around each of them it would
turn tensors to f32 and back. So a Cast to f32 follows each weight, which ONNX Runtime carries out once, when
it opens the model, and the network computes in f32 as before. Inputs and outputs stay as they are.
"""

import numpy as np
import onnx
from artifact import Refused
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 16  # weights with fewer values stay: they are scales and bounds, and hardly take space


def half(network: onnx.ModelProto) -> onnx.ModelProto:
    """The network with its weights as f16."""
    result = onnx.ModelProto()
    result.CopyFrom(network)
    graph = result.graph
    declared = {value.name for value in graph.input}
    casts = [cast(weight) for weight in graph.initializer if is_large(weight) and weight.name not in declared]
    if not casts:
        raise Refused("the network has no f32 weights")
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(result)
    return result


def is_large(weight: onnx.TensorProto) -> bool:
    return weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= SMALLEST


def cast(weight: onnx.TensorProto) -> onnx.NodeProto:
    """Makes a weight f16 under another name; the node that gives it back its name and type."""
    name, values = weight.name, numpy_helper.to_array(weight)
    with np.errstate(over="ignore"):
        halved = values.astype(np.float16)
    if not np.array_equal(np.isfinite(values), np.isfinite(halved)):
        raise Refused(f"the weight `{name}` has values beyond 65504, the largest of f16")
    weight.CopyFrom(numpy_helper.from_array(halved, f"{name}/f16"))
    return helper.make_node("Cast", [weight.name], [name], name=f"{name}/f32", to=TensorProto.FLOAT)
