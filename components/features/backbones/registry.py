"""Backbones by name."""

import hashlib
import importlib
import os
from collections.abc import Mapping
from typing import Any

from topiclens.components.common import downloads
from topiclens.schemas.files import read_bytes

# Width of a feature vector, in floats; also in each network's file, which needs TensorFlow to be read.
DIMS = {"efficientnet_lite0": 1280, "googlenet": 1024, "inception_v1": 1024, "inception_v3": 2048}
NAMES = tuple(DIMS)
DEFAULT = "efficientnet_lite0"
NONE = "none"  # in a setting: the dataset brings its features, so no network is loaded


def load(name: str, weights: str | os.PathLike | None = None, cache_dir: str | os.PathLike | None = None) -> Any:
    """A backbone with its weights (a `base.Backbone`): (n, height, width, 3) uint8 RGB -> (n, dim) float32.

    Args:
        name: one of `NAMES`.
        weights: `googlenet`: an .npz file; `inception_v1`: a TensorFlow Hub URL, a gs:// folder or a SavedModel's
            folder; `inception_v3`: Keras' .h5 file; `efficientnet_lite0`: None, its weights are fetched and cached.
        cache_dir: where fetched weights are kept; None is `downloads.DEFAULT_CACHE`.
    Raises:
        ValueError: an unknown name, or `NONE`.
        WeightsError: weights that are missing or do not fit; the message says what to do.
        DownloadError: the embedded weights are not cached and cannot be fetched.
    """
    module = importlib.import_module(f"topiclens.components.features.backbones.{_known(name)}")
    return module.load(weights, downloads.DEFAULT_CACHE if cache_dir is None else cache_dir)


def of_features(features: Mapping, cache_dir: str | os.PathLike | None = None) -> Any:
    """The backbone that an export's captioner.json names; None where the dataset brought its features."""
    if features.get("backbone") in (None, NONE):
        return None
    return load(features["backbone"], features.get("weights"), cache_dir)


def identity(name: str, weights: str | os.PathLike | None = None) -> str:
    """A text that changes whenever the backbone's features would, found without loading the network.

    A file counts by its content, a bucket's folder or a SavedModel's by the content of all its files, a URL by itself.
    """
    if name == NONE:
        return NONE
    _known(name)
    if not weights:
        return f"{name}:published"
    path = os.fspath(weights)
    if path.startswith(("http://", "https://")):
        return f"{name}:{path}"
    return f"{name}:sha256:{_content_hash(path)}"


def _known(name: str) -> str:
    if name not in DIMS:
        raise ValueError(f"There is no backbone {name!r}; choose one of {', '.join(NAMES)}.")
    return name


def _content_hash(path: str) -> str:
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        return "missing"  # loading says so, with advice
    if not tf.io.gfile.isdir(path):
        return hashlib.sha256(read_bytes(path)).hexdigest()
    digest = hashlib.sha256()
    for folder, file in sorted((folder, file) for folder, _, files in tf.io.gfile.walk(path) for file in files):
        member = os.path.join(folder, file)
        digest.update(os.path.relpath(member, path).encode() + b"\0" + read_bytes(member))
    return digest.hexdigest()
