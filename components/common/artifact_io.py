"""Folders of artifacts as plain local folders, wherever they really are.

Steps read and write plain paths. On Vertex AI and Kubeflow an artifact's URI is
an object store's; it is copied here before a step reads it, and copied there
once a step has written all of it. TensorFlow is loaded for what is remote, and to write, not to read a local file.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from topiclens.trainer.files import copy_tree, is_remote, write_aside


@contextlib.contextmanager
def readable(uri: str) -> Iterator[str]:
    """The folder at ``uri`` as a local path; a copy, gone afterwards, where it is remote."""
    if not is_remote(uri):
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="topiclens-") as folder:
        copy_tree(uri.rstrip("/"), folder)
        yield folder


@contextlib.contextmanager
def writable(uri: str) -> Iterator[str]:
    """A local folder whose content is at ``uri`` once the block ends without an error."""
    if not is_remote(uri):
        os.makedirs(uri, exist_ok=True)
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="topiclens-") as folder:
        yield folder
        copy_tree(folder, uri.rstrip("/"))


def write_bytes(path: str, content: bytes) -> None:
    """Writes a small file aside and renames it; local or on an object store, from any worker."""
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.dirname(path))
    write_aside(path, content)


def write_text(path: str, text: str) -> None:
    """`write_bytes` of a text."""
    write_bytes(path, text.encode())


def read_bytes(path: str) -> bytes:
    """A small file's content; local or on an object store."""
    if not is_remote(path):
        with open(path, "rb") as file:
            return file.read()
    import tensorflow as tf

    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def read_text(path: str) -> str:
    """A small file's text; local or on an object store."""
    return read_bytes(path).decode()
