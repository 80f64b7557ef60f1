"""Pictures of clips, and their films where a browser plays them: by ids, which rows turn into paths."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from topiclens.components.relevance.report import Film, film_of
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.review.clips import Clips
from topiclens.serving.review.clips import VideoFile

# ClipMedia whose pictures are kept in memory: about 200 kB each.
_KEPT = 256
_MEDIA_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg"}


class ClipMedia:
    """What can be seen of clips.

    Args:
        clips: with the rows that say where their films are.
        sampling: how the features step chose frames.
        limits: what a clip may cost.
    """

    def __init__(self, clips: Clips, sampling: Sampling, limits: DecodingLimits = DecodingLimits()):
        self._clips = clips
        self._read: Callable[[str], Film] = functools.lru_cache(_KEPT)(
            lambda video_id: film_of(clips.row(video_id), sampling, clips.length(video_id), limits=limits)
        )

    def expected(self, video_id: str) -> bool:
        """Whether there is a film at all, which may still turn out to be unreadable."""
        return "path" in self._clips.row(video_id)

    def film(self, video_id: str) -> Film:
        """The pictures of the frames that the model sees."""
        return self._read(video_id)

    def file(self, video_id: str) -> VideoFile | None:
        """The film, where a browser plays its kind and it is still there."""
        row = self._clips.row(video_id)
        path = Path(row["path"]) if "path" in row else None
        if path is None or path.suffix.lower() not in _MEDIA_TYPES or not path.is_file():
            return None
        return VideoFile(path, _MEDIA_TYPES[path.suffix.lower()], row.get("start"), row.get("end"))
