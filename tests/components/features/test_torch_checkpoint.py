"""Checkpoints are assembled here byte by byte, so that neither PyTorch nor an unpickler takes part."""

import pickle
import struct

import numpy as np
import pytest

from topiclens.components.features.backbones import torch_checkpoint
from topiclens.components.features.backbones.torch_checkpoint import CheckpointError, read_tensors

ORDERED_DICT = b"ccollections\nOrderedDict\n)R"
HEAD = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, "protocol_version": 1001})


def _push(value) -> bytes:
    """The opcodes that put a plain value on the stack."""
    return pickle.dumps(value, 2)[2:-1]


def _tensor(key, count, offset, shape, stride) -> bytes:
    storage = b"(" + _push("storage") + b"ctorch\nFloatStorage\n" + _push(key) + _push("cpu") + _push(count) + b"NtQ"
    rest = _push(offset) + _push(shape) + _push(stride) + _push(False) + ORDERED_DICT
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"tR"


def _state(**tensors) -> bytes:
    items = b"".join(_push(name) + tensor for name, tensor in tensors.items())
    metadata = b"}" + _push("_metadata") + ORDERED_DICT + b"s"
    return b"\x80\x02" + ORDERED_DICT + b"(" + items + b"u" + metadata + b"b."


def _file(state: bytes, storages: dict[str, np.ndarray]) -> bytes:
    content = b"".join(pickle.dumps(part, 2) for part in HEAD) + state + pickle.dumps(list(storages), 2)
    for numbers in storages.values():
        content += struct.pack("<q", numbers.size) + numbers.astype("<f4").tobytes()
    return content


@pytest.fixture
def numbers() -> np.ndarray:
    return np.arange(24, dtype=np.float32)


@pytest.fixture
def good(numbers) -> bytes:
    state = _state(
        plain=_tensor("a", 24, 0, (2, 3, 4), (12, 4, 1)),
        transposed=_tensor("a", 24, 0, (4, 3, 2), (1, 4, 12)),
        part=_tensor("a", 24, 20, (4,), (1,)),
        other=_tensor("b", 1, 0, (), ()),
    )
    return _file(state, {"b": np.array([7.5]), "a": numbers})


def test_tensors_keep_their_names_strides_and_shared_storages(good, numbers, tmp_path):
    (tmp_path / "x.pth").write_bytes(good)
    tensors = read_tensors(tmp_path / "x.pth")
    assert list(tensors) == ["plain", "transposed", "part", "other"]
    np.testing.assert_array_equal(tensors["plain"], numbers.reshape(2, 3, 4))
    np.testing.assert_array_equal(tensors["transposed"], numbers.reshape(2, 3, 4).T)
    np.testing.assert_array_equal(tensors["part"], numbers[20:])
    assert tensors["other"] == 7.5


@pytest.mark.parametrize(
    "attack, named",
    [
        (b"cos\nsystem\n" + _push("touch ran") + b"\x85R", "'os system'"),
        (b"(" + _push("touch ran") + b"ios\nsystem\n", "INST"),
        (b"cbuiltins\neval\n" + _push("open('ran', 'w')") + b"\x85R", "'builtins eval'"),
        (_push("os") + _push("system") + b"\x93" + _push("touch ran") + b"\x85R", "STACK_GLOBAL"),
        (b"ccollections\nOrderedDict\n" + _push("touch ran") + b"\x85R", "'collections OrderedDict' in an unknown way"),
        (ORDERED_DICT[:-2] + b")\x81", "NEWOBJ"),
    ],
)
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(attack, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pth").write_bytes(_file(b"\x80\x02" + attack + b".", {}))
    with pytest.raises(CheckpointError, match=named):
        read_tensors(tmp_path / "x.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "tensor",
    [
        _tensor("a", 24, 0, (5, 5), (5, 1)),
        _tensor("a", 24, 24, (1,), (1,)),
        _tensor("a", 24, -1, (2,), (1,)),
        _tensor("a", 24, 23, (2,), (-1,)),
        _tensor("a", 24, 0, (10**12,), (0,)),
        _tensor("a", 24, 0, (4,), (1, 1)),
    ],
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tensor, numbers, tmp_path):
    (tmp_path / "x.pth").write_bytes(_file(_state(x=tensor), {"a": numbers}))
    with pytest.raises(CheckpointError):
        read_tensors(tmp_path / "x.pth")


def test_a_cut_file_and_another_format_are_told(good, tmp_path):
    (tmp_path / "x.pth").write_bytes(good[:-1])
    with pytest.raises(CheckpointError, match="cut short"):
        read_tensors(tmp_path / "x.pth")
    (tmp_path / "x.pth").write_bytes(pickle.dumps({"weights": 1}, 2) * 3)
    with pytest.raises(CheckpointError, match="before PyTorch 1.6"):
        read_tensors(tmp_path / "x.pth")


def test_a_damaged_file_gives_tensors_or_a_checkpoint_error_and_nothing_else(good, tmp_path):
    random = np.random.default_rng(0)
    outcomes = []
    for _ in range(400):
        content = np.frombuffer(good, np.uint8).copy()
        content[random.integers(len(content), size=random.integers(1, 6))] = random.integers(256)
        (tmp_path / "x.pth").write_bytes(content.tobytes())
        try:
            outcomes.append(bool(torch_checkpoint.read_tensors(tmp_path / "x.pth")))
        except CheckpointError:
            outcomes.append(None)
    assert None in outcomes and True in outcomes
