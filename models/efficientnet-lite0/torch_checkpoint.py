"""Reads the weights of a checkpoint as PyTorch wrote them before 1.6, without PyTorch.

Such a file is a sequence of pickles (a magic number, the format's version, facts about the machine, the tensors by name, the
storages' keys), then each storage: its length as 8 bytes, then its values. Only the names that a table of tensors needs
are let through the unpickler: a file can run no code.
"""

import collections
import io
import pickle
from dataclasses import dataclass

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
FORMAT_VERSION = 1001
STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class Storage:
    """Values that tensors are views of; they come after the tensors in the file."""

    key: str
    dtype: np.dtype
    length: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count values, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, values: np.ndarray) -> np.ndarray:
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


class TensorUnpickler(pickle.Unpickler):
    """Makes `Tensor` and `Storage` where PyTorch would make its own, and refuses everything else."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: Tensor(storage, offset, shape, strides)
        if module == "torch" and name in STORAGE_TYPES:
            return STORAGE_TYPES[name]
        raise pickle.UnpicklingError(f"a checkpoint of weights has no use for {module}.{name}")

    def persistent_load(self, identity: tuple) -> Storage:
        _, dtype, key, _, length, *_ = identity
        return Storage(key, dtype, length)


def read(content: bytes) -> dict[str, np.ndarray]:
    """The weights by name."""
    file = io.BytesIO(content)
    header = [TensorUnpickler(file).load() for _ in ("magic number", "version", "machine")]
    if header[:2] != [MAGIC_NUMBER, FORMAT_VERSION]:
        raise ValueError("not a checkpoint of PyTorch's old format")
    tensors: dict[str, Tensor] = TensorUnpickler(file).load()
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _read_values(file, storages[key]) for key in TensorUnpickler(file).load()}
    return {name: tensor.array(values[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_values(file: io.BytesIO, storage: Storage) -> np.ndarray:
    length = int.from_bytes(file.read(8), "little")
    if length != storage.length:
        raise ValueError(f"storage {storage.key} has {length} values, its tensors say {storage.length}")
    return np.frombuffer(file.read(length * storage.dtype.itemsize), storage.dtype)
