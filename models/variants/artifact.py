"""An artifact as docs/models.md describes it: what of it is read here, and a variant of it written beside."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

ROLES = {
    "classification": {"scores"},
    "detection": {"boxes", "scores"},
    "embedding": {"embedding"},
    "tensors": set(),
}
"""The tasks, and the outputs that each needs."""

CENTER_POINTS = {"heatmap", "scale", "offset"}
INPUT_KEYS = {"name", "width", "height", "channels", "fit", "mean", "std"}
LARGEST = 2**31 - 1  # what one ONNX file can hold


class Refused(Exception):
    """What cannot be done, for the user to read."""


@dataclass(frozen=True)
class Artifact:
    """A folder with model.onnx and model.yaml, and what that file says."""

    folder: Path
    description: dict

    @property
    def model(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def task(self) -> str:
        return self.description["task"]

    @property
    def input(self) -> dict:
        return self.description["input"]

    @property
    def outputs(self) -> dict[str, str] | list[str]:
        """Output tensors by role, or, for the task `tensors`, a list."""
        return self.description.get("outputs") or []

    @property
    def version(self) -> str:
        """As results carry it: a folder that is a number says it before the file does."""
        number = self.folder.resolve().name
        return number if number.isdecimal() else str(self.description.get("version", "1"))

    def network(self) -> onnx.ModelProto:
        """The network with all of its weights."""
        try:
            network = onnx.load(self.model)
        except Exception as error:
            raise Refused(f"{self.model}: is no ONNX model that can be read: {error}") from error
        floats = [
            value.name
            for value in network.graph.input
            if value.type.tensor_type.elem_type == TensorProto.FLOAT
        ]
        if self.input["name"] not in floats:
            raise Refused(f"{self.model}: has no input `{self.input['name']}` of f32, which model.yaml names")
        outputs = self.outputs if self.task == "tensors" else self.outputs.values()
        if unknown := sorted(set(outputs) - {value.name for value in network.graph.output}):
            raise Refused(f"{self.model}: has no output `{unknown[0]}`, which model.yaml names")
        return network


def read(folder: Path) -> Artifact:
    """The artifact in a folder. What of model.yaml is not needed here, Framegate judges."""
    path = folder / "model.yaml"
    for file in (path, folder / "model.onnx"):
        if not file.is_file():
            raise Refused(
                f"{file}: there is no such file; an artifact is a folder with model.onnx and model.yaml"
            )
    try:
        description = YAML().load(path.read_text())
    except YAMLError as error:
        raise Refused(f"{path}: is no YAML: {error}") from error
    demand(path, description, {"name", "task", "input"})
    if description["task"] not in ROLES:
        raise Refused(f"{path}: the task `{description['task']}` is unknown; there are: {', '.join(ROLES)}")
    demand(path, description["input"], INPUT_KEYS)
    if roles := roles_of(description):
        demand(path, description.get("outputs"), roles)
    return Artifact(folder, description)


def roles_of(description: dict) -> set[str]:
    """The outputs that the task needs."""
    return CENTER_POINTS if description.get("decode", "boxes") != "boxes" else ROLES[description["task"]]


def demand(path: Path, found: object, keys: set[str]) -> None:
    missing = sorted(keys - set(found)) if isinstance(found, dict) else sorted(keys)
    if missing:
        raise Refused(f"{path}: lacks {', '.join(missing)}")


def write_variant(source: Artifact, network: onnx.ModelProto, variant: str, folder: Path) -> Artifact:
    """Writes a variant. Its model.yaml comes last: it makes the folder a model."""
    if network.ByteSize() > LARGEST:
        raise Refused(f"{folder}: the variant has more than 2 GiB, which one file cannot hold")
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(network, folder / "model.onnx")
    if labels := source.description.get("labels"):
        (folder / labels).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.folder / labels, folder / labels)
    (folder / "model.yaml").write_text(described(source, variant))
    return read(folder)


def described(source: Artifact, variant: str) -> str:
    """The artifact's model.yaml with the variant's name and version, comments and all."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000  # lines stay whole
    description = yaml.load((source.folder / "model.yaml").read_text())
    description["name"] = f"{description['name']}-{variant}"
    description["version"] = DoubleQuotedScalarString(f"{source.version}-{variant}")
    text = io.StringIO()
    yaml.dump(description, text)
    return text.getvalue()
