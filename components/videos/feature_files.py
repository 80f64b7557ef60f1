"""Precomputed frame features: one ``.npy`` a video, or a row of an ``.npz`` bundle. Nothing in them is unpickled."""

import contextlib
import functools
import math
import os
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.lib import format as npy

from topiclens.components.videos.decoding import DecodingLimits

_QUANTISED_MAX = 255.0  # q is uint8


class FeatureError(ValueError):
    """Features that cannot be used; the message says which, why and what to do."""


def split_reference(reference: str) -> tuple[str, str | None]:
    """Splits ``bundle.npz#id`` into file and id; a ``.npy`` has no id.

    >>> split_reference("features/train.npz#photo#1.jpg")
    ('features/train.npz', 'photo#1.jpg')
    """
    if reference.endswith(".npy") and ".npz#" not in reference:
        return reference, None
    stem, _, video_id = reference.partition(".npz#")
    return f"{stem}.npz", video_id


def read_features(reference: str | os.PathLike, limits: DecodingLimits = DecodingLimits()) -> np.ndarray:
    """Reads one video's features.

    Args:
        reference: ``file.npy`` or ``bundle.npz#id``, with the path as the system knows it.
    Returns:
        (time, dim) float32, finite; all-zero rows at the end, which are padding, are cut off.
    Raises:
        FeatureError: no such file or id, not an array of numbers, not of two dimensions, empty, all zero, NaN or
            infinite, or more than `max_array_bytes`.
    """
    path, video_id = split_reference(os.fspath(reference))
    name = os.path.basename(os.fspath(reference))
    with _readable(path):
        status = os.stat(path)
        if video_id is None:
            _require_size(status.st_size, path, limits.max_array_bytes)
            raw = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            raw = _open_bundle(path, status.st_mtime_ns, status.st_size, limits.max_array_bytes).row(video_id)
    return _checked(raw, name)


class _Bundle:
    """The arrays of an ``.npz``: `ids` (N,), and `q` with `scale`, or `features` (N, time, dim)."""

    def __init__(self, path: str, max_bytes: int):
        self._name = os.path.basename(path)
        with zipfile.ZipFile(path) as archive:
            present = {member.removesuffix(".npy") for member in archive.namelist()}
            needed = {"ids", "features"} if "features" in present else {"ids", "q", "scale"}
            if needed - present:
                raise FeatureError(
                    f"{self._name!r} holds the arrays {sorted(present)}; expected `ids` with `features`, or `ids` with "
                    "`q` and `scale`."
                )
            arrays = {array: _read_member(archive, array, self._name, max_bytes) for array in needed}
        ids = arrays["ids"]
        self._values = arrays["features"] if "features" in arrays else arrays["q"]
        self._scale = arrays.get("scale")
        if ids.ndim != 1 or ids.dtype.kind != "U" or self._values.ndim != 3 or len(ids) != len(self._values):
            raise FeatureError(
                f"{self._name!r} has `ids` of shape {ids.shape} ({ids.dtype}) for features of shape "
                f"{self._values.shape}; expected N texts for (N, time, dim)."
            )
        if self._scale is not None and (self._scale.shape != () or self._values.dtype != np.uint8):
            raise FeatureError(
                f"{self._name!r} has `q` of {self._values.dtype} and `scale` of shape {self._scale.shape}; expected "
                "uint8 and a single number."
            )
        self._rows = {video_id: row for row, video_id in enumerate(ids.tolist())}

    def row(self, video_id: str) -> np.ndarray:
        if video_id not in self._rows:
            raise FeatureError(f"{self._name!r} has no features for {video_id!r}; it holds {len(self._rows)} others.")
        values = self._values[self._rows[video_id]]
        if self._scale is None:
            return values
        return self._scale * np.square(values.astype(np.float32) / np.float32(_QUANTISED_MAX))


@functools.lru_cache(maxsize=2)
def _open_bundle(path: str, modified: int, size: int, max_bytes: int) -> _Bundle:
    """A bundle, kept in memory for its other rows while the file stays the same."""
    return _Bundle(path, max_bytes)


def _read_member(archive: zipfile.ZipFile, array: str, bundle: str, max_bytes: int) -> np.ndarray:
    """One array; its header is checked against the archive before memory is taken for it."""
    info = archive.getinfo(f"{array}.npy")
    name = f"{bundle}:{array}"
    _require_size(info.file_size, name, max_bytes)
    with archive.open(info) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize > info.file_size:
        raise FeatureError(f"{name!r} is declared as {shape} of {dtype}, but holds something else. It is damaged.")
    with archive.open(info) as file:
        return npy.read_array(file, allow_pickle=False)


def _checked(raw: np.ndarray, name: str) -> np.ndarray:
    if raw.ndim != 2 or 0 in raw.shape:
        raise FeatureError(f"{name!r} has shape {raw.shape}; expected (time, dim), both at least 1.")
    if raw.dtype.kind not in "fiu":
        raise FeatureError(f"{name!r} holds {raw.dtype}; expected real numbers.")
    with np.errstate(over="ignore"):  # what overflows becomes infinite, which is refused below
        frames = np.array(raw, np.float32)
    bad = np.count_nonzero(~np.isfinite(frames))
    if bad:
        raise FeatureError(
            f"{name!r} has {bad} values that are NaN or infinite in float32, of {frames.size}. Extract it again."
        )
    real = np.flatnonzero(frames.any(axis=1))
    if not real.size:
        raise FeatureError(
            f"{name!r} is zero everywhere, and zero rows mean padding: it has no frames. Extract it again."
        )
    return frames[: real[-1] + 1]


def _require_size(size: int, name: str, max_bytes: int) -> None:
    if size > max_bytes:
        raise FeatureError(
            f"{os.path.basename(name)!r} is {size} bytes; at most {max_bytes} are read (`limits.max_array_bytes`). "
            "Store fewer videos a bundle, or raise the limit."
        )


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turns the ways in which a file can fail to be an array into a `FeatureError`."""
    try:
        yield
    except FeatureError:
        raise
    except OSError as error:
        raise FeatureError(f"{os.path.basename(path)!r} cannot be opened: {error.strerror or error}.") from error
    except (ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise FeatureError(
            f"{os.path.basename(path)!r} cannot be read as a NumPy file ({error}). It is probably cut short, or holds "
            "pickled objects: write it with numpy.save or numpy.savez from plain arrays."
        ) from error
