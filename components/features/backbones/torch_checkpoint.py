"""Reads the tensors of a PyTorch checkpoint without PyTorch and without unpickling.

`torch.save` before version 1.6 wrote, one after another: three small pickles (a magic number, the protocol's version,
the writer's byte order), a pickle of the state, a pickle of the list of storage keys, and then each storage's raw
numbers. A pickle is a program for a stack machine, and loading one runs whatever it names. Here the program is only
*read*, by `pickletools`, and followed by a machine of our own that knows dictionaries, tuples, strings, numbers and two
names, both of which are mere marks to it: nothing is imported and nothing is called. Whatever else a file asks for is
refused.
"""

import io
import math
import os
import pickletools
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_ORDERED_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_MAX_OPCODES = 10**6


class CheckpointError(ValueError):
    """A file that is not a plain checkpoint of tensors."""


class _Global(NamedTuple):
    """A name the pickle mentions. It stays a name."""

    name: str


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


_MARK = object()


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The checkpoint's tensors by name, in the file's order.

    Raises:
        CheckpointError: another format, a damaged file, or a pickle that holds anything but tensors.
    """
    with open(path, "rb") as content:
        file = io.BytesIO(content.read())  # which never reads more than there is, whatever length a damaged file states
        try:
            if _unpickle(file) != _MAGIC or _unpickle(file) != _PROTOCOL:
                raise CheckpointError("it is not a checkpoint as torch.save wrote them before PyTorch 1.6")
            if _unpickle(file).get("little_endian") is not True:
                raise CheckpointError("it was not written in little-endian byte order")
            state, keys = _unpickle(file), _unpickle(file)
            tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
            if len(tensors) != len(state):
                raise CheckpointError("its state holds other things than tensors")
            storages = _read_storages(file, keys, {tensor.storage.key: tensor.storage for tensor in tensors.values()})
            return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
        except CheckpointError as error:
            raise CheckpointError(f"{os.fspath(path)} was not read: {error}.") from None
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"{os.fspath(path)} is damaged, or not a checkpoint at all ({error}).") from error


def _unpickle(file: BinaryIO) -> Any:
    """Follows one pickle's opcodes; leaves the file behind its end."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count > _MAX_OPCODES:
            raise CheckpointError("its pickle is too long")
        match opcode.name:
            case "PROTO":
                pass
            case "STOP":
                return stack.pop()
            case "MARK":
                stack.append(_MARK)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[opcode.name]())
            case "TUPLE":
                stack.append(tuple(_down_to_mark(stack)))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode.name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "APPENDS":
                items = _down_to_mark(stack)
                stack[-1].extend(items)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                stack[-1][key] = value
            case "SETITEMS":
                items = _down_to_mark(stack)
                stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_known_global(str(argument)))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_built(function, arguments))
            case "BUILD":  # an OrderedDict's attributes: torch notes its modules' versions there
                stack.pop()
            case other:
                raise CheckpointError(f"its pickle uses the opcode {other}, which no checkpoint of tensors needs")
    raise CheckpointError("its pickle has no end")


def _down_to_mark(stack: list[Any]) -> list[Any]:
    start = max(place for place, item in enumerate(stack) if item is _MARK)
    items = stack[start + 1 :]
    del stack[start:]
    return items


def _known_global(name: str) -> _Global:
    if name not in _STORAGES and name not in (_ORDERED_DICT, _TENSOR):
        raise CheckpointError(f"its pickle names {name!r}, which is no part of a checkpoint of tensors")
    return _Global(name)


def _storage(persistent_id: Any) -> _Storage:
    kind, storage_type, key, _, count, view = persistent_id
    if kind != "storage" or view is not None:
        raise CheckpointError(f"its pickle refers to something else than a plain storage: {kind!r}")
    return _Storage(key, _STORAGES[storage_type.name], count)


def _built(function: _Global, arguments: tuple[Any, ...]) -> Any:
    if function.name == _ORDERED_DICT and arguments == ():
        return {}
    if function.name != _TENSOR:
        raise CheckpointError(f"its pickle calls {function.name!r} in an unknown way")
    return _Tensor(*arguments[:4])


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
