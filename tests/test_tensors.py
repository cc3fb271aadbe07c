"""Raw tensors: what a model answers is passed on to the bit, of every type, and within a bound."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import samples
from gateway import Gateway
from policies import fixed, policy

SIDE = 32
LARGE_SIDE = 1280  # 3 x 1280 x 1280 floats are 19 MB
DATATYPES = {"FP32": "<f4", "INT64": "<i8", "UINT8": "u1", "BOOL": "?"}


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """A model of four outputs, the same with two of them chosen, and one that answers too much."""
    folder = tmp_path_factory.mktemp("tensors")
    models = {
        "all": artifact(folder / "all", several_outputs(), SIDE),
        "some": artifact(folder / "some", several_outputs(), SIDE, "outputs: [brightest, pixels]"),
        "large": artifact(folder / "large", copy_of_the_input(), LARGE_SIDE),
    }
    return start_shared_gateway(policy(folder, models))


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    """A picture in which each pixel counts; one value is the largest."""
    pixels = np.random.default_rng(7).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    pixels[20, 11, 1] = 255
    return Image.fromarray(pixels)


def test_all_outputs_are_answered_in_the_model_s_order(gateway: Gateway, noise: Image.Image) -> None:
    found = tensors(gateway, "all", noise)
    assert list(found) == ["pixels", "brightest", "bytes", "bright"]
    planes = np.asarray(noise).transpose(2, 0, 1)
    expect(found["pixels"], planes.astype(np.float32))
    expect(found["brightest"], np.int64(planes.argmax()))
    expect(found["bytes"], planes)
    expect(found["bright"], planes > 127)


def test_outputs_are_chosen_and_ordered_by_the_model_yaml(gateway: Gateway, noise: Image.Image) -> None:
    found = tensors(gateway, "some", noise)
    assert list(found) == ["brightest", "pixels"]
    expect(found["brightest"], np.int64(np.asarray(noise).transpose(2, 0, 1).argmax()))


def test_outputs_above_the_bound_fail_their_frame(gateway: Gateway, noise: Image.Image) -> None:
    refusal = gateway.refused(data=samples.png(noise), models=("large",))
    assert (refusal.code, refusal.reason) == ("INTERNAL", "BACKEND_FAILED")
    assert tensors(gateway, "all", noise), "the other model does not serve any more"


def tensors(gateway: Gateway, model: str, image: Image.Image) -> dict[str, np.ndarray]:
    """The tensors that a model answers, by name, in order."""
    result = gateway.predict(data=samples.png(image), models=(model,)).results[0]
    assert result.WhichOneof("outcome") == "tensors", result
    return {
        item.name: np.frombuffer(item.contents, DATATYPES[item.datatype]).reshape(tuple(item.shape))
        for item in result.tensors.items
    }


def expect(found: np.ndarray, wanted: np.ndarray) -> None:
    """The same shape, type and values."""
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    assert np.array_equal(found, wanted)


def artifact(folder: Path, model: onnx.ModelProto, side: int, *lines: str) -> dict:
    """Writes an artifact whose input is the frame as it is; the policy's entry for it."""
    folder.mkdir()
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "model.onnx")
    image = f"name: image, width: {side}, height: {side}, channels: rgb, fit: stretch"
    numbers = "mean: [0, 0, 0], std: [1, 1, 1]"
    text = ["name: test", "version: '1'", "task: tensors", f"input: {{ {image}, {numbers} }}", *lines]
    (folder / "model.yaml").write_text("\n".join(text) + "\n")
    return {"artifact": str(folder), "autoscaling": fixed(1)}


def several_outputs() -> onnx.ModelProto:
    """Its input as floats and as bytes, where its largest value is, and what is above 127."""
    shape = ["N", 3, SIDE, SIDE]
    nodes = [
        helper.make_node("Identity", ["image"], ["pixels"]),
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("ArgMax", ["flat"], ["brightest"], axis=1, keepdims=0),
        helper.make_node("Cast", ["image"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Greater", ["image", "half"], ["bright"]),
    ]
    outputs = [
        helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("brightest", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("bytes", TensorProto.UINT8, shape),
        helper.make_tensor_value_info("bright", TensorProto.BOOL, shape),
    ]
    half = helper.make_tensor("half", TensorProto.FLOAT, [], [127.0])
    return model(nodes, shape, outputs, [half])


def copy_of_the_input() -> onnx.ModelProto:
    """Its input, whose size it does not declare."""
    shape = ["N", 3, "H", "W"]
    output = helper.make_tensor_value_info("copy", TensorProto.FLOAT, shape)
    return model([helper.make_node("Identity", ["image"], ["copy"])], shape, [output], [])


def model(nodes: list, shape: list, outputs: list, constants: list) -> onnx.ModelProto:
    """A model of one image."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "test", [image], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
