"""What the served model says of every clip: asked once a version and kept in the root, batch by batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from topiclens.components.refinement.acquisition import PredictedCaption
from topiclens.pipeline.review.clips import Clips
from topiclens.schemas.json_lines import read_rows, write_rows
from topiclens.serving.answers import ExplainedCaption

# Clips that are asked about together, and that a page which is killed has to ask about again.
BATCH = 32
_DECIMALS = 5


class PredictionCache:
    """What one version says of clips, as far as it was asked: one file a batch, each written aside and renamed.

    Args:
        folder: where they are kept, over all versions and datasets.
        version: of the model.
        clips: whose key tells these captions from those of other clips.
    """

    def __init__(self, folder: str | os.PathLike, version: str, clips: Clips):
        self._folder = os.path.join(folder, clips.key, version)
        self._version, self._clips = version, clips
        self.said: dict[str, PredictedCaption] = {}

    def complete(self, explain: Callable[[Sequence[np.ndarray], str], Sequence[ExplainedCaption]]) -> Iterator[int]:
        """Reads what is kept and asks for the rest.

        Args:
            explain: asks a version about clips' features; fails where another one answers.
        Yields:
            how many clips are known, after every batch.
        """
        ids = self._clips.ids
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            path = os.path.join(self._folder, f"{start:07d}.jsonl")
            if not os.path.exists(path):
                answers = explain([self._clips.frames(video_id) for video_id in batch], self._version)
                write_rows(path, map(_row, batch, answers))
            self.said.update(_read(path))
            yield len(self.said)


def _row(video_id: str, answer: ExplainedCaption) -> dict:
    scores = None if answer.topic_scores is None else np.round(answer.topic_scores.astype(float), _DECIMALS).tolist()
    return {"video_id": video_id, "caption": answer.text, "log_prob": answer.log_prob, "topic_scores": scores}


def _read(path: str) -> dict[str, PredictedCaption]:
    return {
        row["video_id"]: PredictedCaption(row["caption"], row["log_prob"], _array(row["topic_scores"]))
        for row in read_rows(path)
    }


def _array(scores: Sequence[float] | None) -> np.ndarray | None:
    return None if scores is None else np.array(scores)
