"""Backbones by name."""

import hashlib
import importlib
import os
from collections.abc import Mapping

from topiclens.components.common import downloads

# Width of a feature vector, in floats; here as well as in each network's file, so that asking costs no TensorFlow.
DIMS = {"efficientnet_lite0": 1280, "googlenet": 1024, "inception_v1": 1024, "inception_v3": 2048}
NAMES = tuple(DIMS)
DEFAULT = "efficientnet_lite0"
NONE = "none"  # in a setting: the dataset brings its features, and no network is loaded
_CHUNK_BYTES = 2**20


def load(name: str, weights: str | os.PathLike | None = None, cache_dir: str | os.PathLike | None = None):
    """A backbone with its weights (a `base.Backbone`): (n, height, width, 3) uint8 RGB -> (n, dim) float32.

    Args:
        name: one of `NAMES`.
        weights: `googlenet`: an .npz file; `inception_v1`: a TensorFlow Hub URL, a gs:// folder or a SavedModel's
            folder; `inception_v3`: Keras' .h5 file; `efficientnet_lite0`: None, its weights are fetched and cached.
        cache_dir: where fetched weights are kept; None is `downloads.DEFAULT_CACHE`.
    Raises:
        ValueError: an unknown name, or `NONE`.
        WeightsError: weights that are missing or do not fit; the message says what to do.
        DownloadError: the embedded weights are neither cached nor to be had.
    """
    module = importlib.import_module(f"topiclens.components.features.backbones.{_known(name)}")
    return module.load(weights, downloads.DEFAULT_CACHE if cache_dir is None else cache_dir)


def of_features(features: Mapping, cache_dir: str | os.PathLike | None = None):
    """The backbone of an export's features, as its captioner.json tells; None where the dataset brought them."""
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

    digest = hashlib.sha256()
    folders = sorted(tf.io.gfile.walk(path)) if tf.io.gfile.isdir(path) else [(path, [], [""])]
    for folder, _, files in folders:
        for file in sorted(files):
            member = os.path.join(folder, file) if file else folder
            if not tf.io.gfile.exists(member):
                return "missing"  # loading says so, with advice
            if file:
                digest.update(os.path.relpath(member, path).encode() + b"\0")
            with tf.io.gfile.GFile(member, "rb") as content:
                while chunk := content.read(_CHUNK_BYTES):
                    digest.update(chunk)
    return digest.hexdigest()
