"""Reads the tensors of a PyTorch checkpoint without PyTorch, and runs nothing that the file names.

`torch.save` before version 1.6 wrote, one after another: three small pickles (a magic number, the protocol's version,
the writer's byte order), a pickle of the state, a pickle of the list of storage keys, and then each storage's raw
numbers. A pickle is a program that may import and call anything. Here each one is first read by `pickletools`, which
runs nothing, and refused if it has an opcode that checkpoints do not need. The unpickler that follows knows four names,
none of which it imports: an ordered dictionary, two types of storage, which are mere texts to it, and a tensor.
"""

import io
import math
import os
import pickle
import pickletools
from collections import OrderedDict
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_MAX_OPCODES = 10**6
_OPCODES = {
    "PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE",
    "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "APPENDS", "SETITEM", "SETITEMS",
    "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "GLOBAL", "BINPERSID", "REDUCE", "BUILD",
}  # fmt: skip


class CheckpointError(ValueError):
    """A file that is not a plain checkpoint of tensors."""


class _Storage(NamedTuple):
    """A run of numbers that several tensors may share."""

    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    """A view of a storage; strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The checkpoint's tensors by name, in the file's order.

    Raises:
        CheckpointError: another format, a damaged file, or a pickle that holds anything but tensors.
    """
    with open(path, "rb") as content:
        file = io.BytesIO(content.read())  # never reads more than there is, even if a damaged file says so
    try:
        if _unpickle(file) != _MAGIC or _unpickle(file) != _PROTOCOL:
            raise CheckpointError("it is not a checkpoint as torch.save wrote them before PyTorch 1.6")
        if _unpickle(file).get("little_endian") is not True:
            raise CheckpointError("it was not written in little-endian byte order")
        tensors, keys = _unpickle(file), _unpickle(file)
        if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
            raise CheckpointError("its state holds other things than tensors")
        storages = _read_storages(file, keys, {tensor.storage.key: tensor.storage for tensor in tensors.values()})
        return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except CheckpointError as error:
        raise CheckpointError(f"{os.fspath(path)} was not read: {error}.") from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, EOFError, pickle.PickleError) as error:
        raise CheckpointError(f"{os.fspath(path)} is damaged, or not a checkpoint at all ({error}).") from error


def _unpickle(file: BinaryIO) -> Any:
    """The plain value of one pickle; leaves the file behind its end."""
    start = file.tell()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name not in _OPCODES:
            raise CheckpointError(f"its pickle uses the opcode {opcode.name}, which no checkpoint of tensors needs")
        # The unpickler takes memory for as many places as the highest that is named.
        if count > _MAX_OPCODES or (argument is not None and opcode.name == "LONG_BINPUT" and argument > count):
            raise CheckpointError("its pickle is too long")
    file.seek(start)
    return _PlainUnpickler(file).load()


class _PlainUnpickler(pickle.Unpickler):
    """Refuses everything that is not part of a checkpoint of tensors (the Python manual's "Restricting Globals")."""

    def find_class(self, module: str, name: str) -> Any:
        named = f"{module} {name}"
        if named == "collections OrderedDict":
            return OrderedDict
        if named == "torch._utils _rebuild_tensor_v2":
            return _make_builder()
        if named in _STORAGES:
            return named
        raise CheckpointError(f"its pickle names {named!r}, which is not part of a checkpoint of tensors")

    def persistent_load(self, persistent_id: Any) -> _Storage:
        kind, storage_type, key, _, size, view = persistent_id
        if kind != "storage" or view is not None:
            raise CheckpointError(f"its pickle refers to something else than a plain storage: {kind!r}")
        return _Storage(key, _STORAGES[storage_type], size)


def _make_builder() -> Any:
    """A new function each time, so that a pickle cannot change it for the next one."""

    def build(storage: _Storage, offset: int, shape: tuple, stride: tuple, *_: Any) -> _Tensor:
        return _Tensor(storage, offset, shape, stride)

    return build


def _read_storages(file: BinaryIO, keys: list[str], expected: dict[str, _Storage]) -> dict[str, np.ndarray]:
    """The storages' numbers, which follow in the order of `keys`, each behind its own count."""
    read = {}
    for key in keys:
        storage = expected[key]
        count = int.from_bytes(file.read(8), "little", signed=True)
        content = file.read(storage.size * storage.dtype.itemsize)
        if count != storage.size or len(content) != count * storage.dtype.itemsize:
            raise CheckpointError(f"the storage {key} should hold {storage.size} numbers; the file is cut short")
        read[key] = np.frombuffer(content, storage.dtype)
    return read


def _view(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    shape, stride = tensor.shape, tensor.stride
    last = tensor.offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    inside = tensor.offset >= 0 and min(shape, default=1) >= 1 and min(stride, default=0) >= 0 and last < storage.size
    if not inside or math.prod(shape) > storage.size:
        raise CheckpointError(f"a tensor of shape {shape} and strides {stride} reaches beyond its storage")
    steps = [step * storage.itemsize for step in stride]
    return np.ndarray(shape, storage.dtype, storage, tensor.offset * storage.itemsize, steps).copy()
