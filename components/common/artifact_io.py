"""Folders of artifacts as plain local folders, wherever they really are.

On Vertex AI and Kubeflow an artifact's URI is an object store's; it is copied here before a step reads it, and copied
there once a step has written all of it. See `topiclens.schemas.files` for single files.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from topiclens.schemas.files import copy_tree, is_remote


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
