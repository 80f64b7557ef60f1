"""What was measured of a parent before, so that no refinement of it pays again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pathlib
from collections.abc import Iterable

from topiclens.schemas.files import write_json
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.exported import EXTRA, JSON_FILE, weights_path

FOLDER = ".refinement"  # beside the parent; the model server reads folders with whole numbers for names alone

_log = logging.getLogger(__name__)


class ParentCache:
    """JSON files of one parent and one set of videos, by content: another model's are never taken for its own.

    Where the folder cannot be written, nothing is lost but time.

    Args:
        folder: made if need be; the parent's neighbour `.refinement` by default.
        parent: the export.
        videos: those that it is judged on.
    """

    def __init__(self, parent: str, videos: Iterable[VideoRecord], folder: str | None = None):
        self._folder = folder or os.path.join(os.path.dirname(os.path.abspath(parent)), FOLDER)
        digest = hashlib.sha256()
        for path in (os.path.join(parent, EXTRA, JSON_FILE), weights_path(parent)):
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        for video in videos:
            digest.update(json.dumps([video.video_id, video.captions, video.topics.tolist()]).encode())
            digest.update(video.frames.tobytes())
        self._of = digest.hexdigest()

    def recall(self, *what) -> dict | None:
        """What was remembered under the same words and numbers; None if nothing was."""
        try:
            with open(self._path(what), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remember(self, content: dict, *what) -> None:
        """Keeps it."""
        path = self._path(what)
        try:
            write_json(path, content)
        except OSError as error:
            _log.info("What was measured of the parent is not kept: %s", error)

    def _path(self, what: tuple) -> pathlib.Path:
        name = hashlib.sha256(json.dumps([self._of, *what], sort_keys=True).encode()).hexdigest()[:32]
        return pathlib.Path(self._folder, f"{name}.json")
