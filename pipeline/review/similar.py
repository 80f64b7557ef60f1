"""Which training videos look like a clip, and what they are about."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from topiclens.schemas import features
from topiclens.schemas.files import write_bytes


@dataclass(frozen=True, eq=False)
class Similar:
    """Videos by what they look like.

    Attributes:
        ids: (videos,) text.
        centre: (feature_dim,), the mean of all videos' mean features, from which directions are seen.
        directions: (videos, feature_dim) float32 of length 1, from the centre to a video's mean feature.
        topics: (videos, topics), 0 or 1.
    """

    ids: np.ndarray
    centre: np.ndarray
    directions: np.ndarray
    topics: np.ndarray

    @classmethod
    def of(cls, videos: Iterable[Mapping[str, np.ndarray]]) -> Similar:
        """Of records as `topiclens.schemas.records.parse` gives them."""
        ids, means, topics = zip(
            *(
                (video[features.VIDEO_ID].decode(), video[features.FRAMES].mean(axis=0), video[features.TOPICS])
                for video in videos
            )
        )
        centre = np.mean(means, axis=0, dtype=np.float64).astype(np.float32)
        return cls(np.array(ids), centre, _directions(np.stack(means) - centre), np.stack(topics).astype(np.uint8))

    def topics_of_neighbours(self, video_id: str, frames: np.ndarray, count: int) -> np.ndarray:
        """(neighbours, topics): those of the most similar videos, by the cosine of their directions; itself left out.

        Args:
            video_id, frames: the clip and its features (time, feature_dim).
            count: neighbours, at most.
        """
        towards = _directions(frames.mean(axis=0)[None] - self.centre)[0]
        likeness = np.where(self.ids == video_id, -np.inf, self.directions @ towards)
        nearest = np.argsort(-likeness, kind="stable")[:count]
        return self.topics[nearest[np.isfinite(likeness[nearest])]]

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz`, aside first."""
        buffer = io.BytesIO()
        np.savez(buffer, ids=self.ids, centre=self.centre, directions=self.directions, topics=self.topics)
        write_bytes(os.fspath(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Similar:
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in ("ids", "centre", "directions", "topics")})


def _directions(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
