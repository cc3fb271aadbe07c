"""Reads a TensorFlow.js graph model: its nodes in the order of execution, and its constants as arrays."""

import base64
import json
from dataclasses import dataclass
from graphlib import TopologicalSorter

import numpy as np


@dataclass(frozen=True)
class Node:
    """One operation; its outputs are called NAME, NAME:1, NAME:2 …"""

    name: str
    operator: str
    inputs: list[str]
    attributes: dict

    def flag(self, name: str) -> bool:
        return self.attributes[name]["b"]

    def number(self, name: str) -> float:
        return float(self.attributes[name]["f"])

    def text(self, name: str) -> str:
        return base64.b64decode(self.attributes[name]["s"]).decode()

    def height_and_width(self, name: str) -> list[int]:
        """The two middle values of a list that has one value for each axis of NHWC."""
        return [int(value) for value in self.attributes[name]["list"]["i"]][1:3]


@dataclass(frozen=True)
class GraphModel:
    """Nodes without the constants, the constants by name, and the tensor that gives the output of each shape."""

    nodes: list[Node]
    constants: dict[str, np.ndarray]
    outputs: dict[tuple[int, ...], str]


def parse(description: bytes, weights: bytes) -> GraphModel:
    """The two files of a graph model: its JSON description, and its weights one after another."""
    model = json.loads(description)
    specs = [spec for group in model["weightsManifest"] for spec in group["weights"]]
    nodes = [_node(entry) for entry in model["modelTopology"]["node"] if entry["op"] != "Const"]
    return GraphModel(_in_order(nodes), _constants(specs, weights), _outputs(model["signature"]["outputs"]))


def _node(entry: dict) -> Node:
    inputs = [_tensor(name) for name in entry.get("input", [])]
    return Node(entry["name"], entry["op"], inputs, entry.get("attr", {}))


def _tensor(reference: str) -> str:
    return reference.removesuffix(":0")


def _in_order(nodes: list[Node]) -> list[Node]:
    by_name = {node.name: node for node in nodes}
    makers = {node.name: [name.split(":")[0] for name in node.inputs] for node in nodes}
    return [by_name[name] for name in TopologicalSorter(makers).static_order() if name in by_name]


def _constants(specs: list[dict], weights: bytes) -> dict[str, np.ndarray]:
    constants, offset = {}, 0
    for spec in specs:
        stored = np.dtype(spec.get("quantization", spec)["dtype"])
        values = np.frombuffer(weights, stored, int(np.prod(spec["shape"])), offset)
        constants[spec["name"]] = values.reshape(spec["shape"]).astype(spec["dtype"])
        offset += values.nbytes
    if offset != len(weights):
        raise ValueError(f"the weights file has {len(weights)} bytes, the model describes {offset}")
    return constants


def _outputs(signature: dict) -> dict[tuple[int, ...], str]:
    def shape(entry: dict) -> tuple[int, ...]:
        return tuple(int(axis["size"]) for axis in entry["tensorShape"]["dim"])

    return {shape(entry): _tensor(name) for name, entry in signature.items()}
