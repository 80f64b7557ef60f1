"""Folders of artifacts as plain local folders, wherever they really are.

Steps read and write plain paths. On Vertex AI and Kubeflow an artifact's URI is
an object store's; it is copied here before a step reads it, and copied there
once a step has written all of it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


def is_remote(uri: str) -> bool:
    """Whether a URI names an object store and not a folder of this machine."""
    return "://" in uri and not uri.startswith("file://")


def _copy_tree(source: str, destination: str) -> None:
    import tensorflow as tf

    gfile = tf.io.gfile
    for folder, _, names in gfile.walk(source):
        target = os.path.join(destination, os.path.relpath(folder, source)) if folder != source else destination
        gfile.makedirs(target)
        for name in names:
            gfile.copy(os.path.join(folder, name), os.path.join(target, name), overwrite=True)


@contextlib.contextmanager
def readable(uri: str) -> Iterator[str]:
    """The folder at ``uri`` as a local path; a copy, gone afterwards, where it is remote."""
    if not is_remote(uri):
        yield uri.removeprefix("file://")
        return
    with tempfile.TemporaryDirectory(prefix="topiclens-") as folder:
        _copy_tree(uri.rstrip("/"), folder)
        yield folder


@contextlib.contextmanager
def writable(uri: str) -> Iterator[str]:
    """A local folder whose content is at ``uri`` once the block ends without an error."""
    if not is_remote(uri):
        folder = uri.removeprefix("file://")
        os.makedirs(folder, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="topiclens-") as folder:
        yield folder
        _copy_tree(folder, uri.rstrip("/"))


def write_text(path: str, text: str) -> None:
    """Writes a small file aside and renames it; local or on an object store, from any worker."""
    import tensorflow as tf

    partial = f"{path}.partial-{os.getpid()}"
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(partial, "w") as file:
        file.write(text)
    tf.io.gfile.rename(partial, path, overwrite=True)


def read_text(path: str) -> str:
    """A small file's text; local or on an object store."""
    import tensorflow as tf

    with tf.io.gfile.GFile(path) as file:
        return file.read()
