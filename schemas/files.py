"""Files and folders, local or in an object store.

A file is written so that a reader sees the old content or the new, never a part. On Vertex AI and Kubeflow an
artifact's folder is in an object store: it is copied here before a step reads it, and there once a step has written all
of it. TensorFlow is loaded only for what is remote.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from typing import Any

Path = str | os.PathLike[str]


def is_remote(path: Path) -> bool:
    return "://" in os.fspath(path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[str]:
    """A path beside `path` to write to. It takes the place of `path` when the block ends, and is removed if it fails.

    Several workers may write the same file: each has its own path. Missing folders are made.
    """
    path = os.fspath(path)
    aside = f"{path}.partial-{os.getpid()}-{secrets.token_hex(4)}"
    with _replacing_remote(path, aside) if is_remote(path) else _replacing_local(path, aside):
        yield aside


def write_bytes(path: Path, content: bytes) -> None:
    """Writes or replaces a file."""
    with replacing(path) as aside, _open(aside, "wb") as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes or replaces a UTF-8 file; line ends stay as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes or replaces a JSON file that people can read."""
    write_text(path, format_json(value))


def format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def read_bytes(path: Path) -> bytes:
    with _open(path, "rb") as file:
        content: bytes = file.read()
    return content


def read_text(path: Path) -> str:
    """The content of a UTF-8 file; line ends stay as they are."""
    return read_bytes(path).decode()


def read_json(path: Path) -> Any:
    return json.loads(read_bytes(path))


def copy_tree(source: str, target: str) -> None:
    """Copies a folder with all its files, from or to an object store; files of equal name are replaced."""
    import tensorflow as tf

    for folder, _, files in tf.io.gfile.walk(source):
        below = os.path.join(target, os.path.relpath(folder, source)) if folder != source else target
        tf.io.gfile.makedirs(below)
        for file in files:
            tf.io.gfile.copy(os.path.join(folder, file), os.path.join(below, file), overwrite=True)


@contextlib.contextmanager
def readable(uri: str) -> Iterator[str]:
    """The folder at `uri` as a local path; if it is remote, a copy that is removed afterwards."""
    if not is_remote(uri):
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="topiclens-") as folder:
        copy_tree(uri.rstrip("/"), folder)
        yield folder


@contextlib.contextmanager
def writable(uri: str) -> Iterator[str]:
    """A local folder whose content is at `uri` once the block ends without an error."""
    if not is_remote(uri):
        os.makedirs(uri, exist_ok=True)
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="topiclens-") as folder:
        yield folder
        copy_tree(folder, uri.rstrip("/"))


@contextlib.contextmanager
def _replacing_local(path: str, aside: str) -> Iterator[None]:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        yield
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())  # a crash of the machine must not leave an empty file under the final name
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(aside)
        raise


@contextlib.contextmanager
def _replacing_remote(path: str, aside: str) -> Iterator[None]:
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.dirname(path))
    try:
        yield
        tf.io.gfile.rename(aside, path, overwrite=True)
    except BaseException:
        if tf.io.gfile.exists(aside):
            tf.io.gfile.remove(aside)
        raise


def _open(path: Path, mode: str) -> Any:
    if not is_remote(path):
        return open(path, mode)
    import tensorflow as tf

    return tf.io.gfile.GFile(os.fspath(path), mode)
