"""What would come of teaching what clips are suggested to miss; asked of the served version once, and kept in files."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from topiclens.components.refinement.outlook import Outlook
from topiclens.pipeline.review.clips import Clips
from topiclens.schemas.json_lines import read_rows, write_rows
from topiclens.schemas.plain import from_plain, to_plain

# Topics of a clip that are tried until one promises to be learnt.
TRIED = 5
Foresee = Callable[[str, str, int], Outlook]  # the version to ask, a clip's id, a topic


class Outlooks:
    """The outlooks of clips' topics, by version: a file for each clip, written aside and renamed. Thread-safe.

    Args:
        folder: where they are kept; of one way to ask, since what is kept is not asked again.
    """

    def __init__(self, folder: str | os.PathLike, clips: Clips, foresee: Foresee):
        self._folder, self._clips, self._foresee = folder, clips, foresee
        self._known: dict[tuple[str, str], dict[int, Outlook]] = {}
        self._lock = threading.Lock()

    def known(self, version: str, video_id: str) -> Mapping[int, Outlook]:
        """By topic, what was asked about a clip already."""
        with self._lock:
            return dict(self._read(version, video_id))

    def until_one_promises(
        self, version: str, video_id: str, topics: Sequence[int], seconds: float = math.inf
    ) -> Mapping[int, Outlook]:
        """Tries topics in their order, up to the first that promises, and no new one once the time is up.

        Returns:
            By topic, all that is known.
        """
        begun, known = time.monotonic(), self.known(version, video_id)
        for topic in topics[:TRIED]:
            if topic not in known:
                if time.monotonic() - begun >= seconds:
                    break
                known = self._keep(version, video_id, self._foresee(version, video_id, topic))
            if known[topic].promising:
                break
        return known

    def _keep(self, version: str, video_id: str, found: Outlook) -> Mapping[int, Outlook]:
        with self._lock:
            known = self._read(version, video_id)
            known[found.topic] = found
            write_rows(self._path(version, video_id), map(to_plain, known.values()))
            return dict(known)

    def _read(self, version: str, video_id: str) -> dict[int, Outlook]:
        key = version, video_id
        if key not in self._known:
            path = self._path(version, video_id)
            rows = read_rows(path) if os.path.exists(path) else ()
            self._known[key] = {one.topic: one for one in (from_plain(Outlook, row) for row in rows)}
        return self._known[key]

    def _path(self, version: str, video_id: str) -> str:
        return os.path.join(self._folder, version, f"{self._clips.digest(video_id)}.jsonl")
