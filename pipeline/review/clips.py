"""The clips of a run that people review, read once: their records, and the rows that say where their films are."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topiclens.components.relevance.report import Film, film_of
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.run_metadata import NothingThere, Outcome, dataset_rows, split_files
from topiclens.schemas import features, records
from topiclens.serving.review.shown import VideoFile
from topiclens.trainer.videos import FrameStore

MEMORY_BYTES = 2**29  # of features that are kept in memory; more goes to a scratch file
FILMS_KEPT = 256  # whose pictures are kept in memory: about 200 kB each
_MEDIA_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg"}


class Clips:
    """Clips by their ids, which are looked up and never made part of a path.

    Args:
        parsed: their records as `topiclens.schemas.records.parse` gives them, in any order.
    Attributes:
        rows, lengths, references: of the dataset, how many frames, what people wrote; by id.
        key: names the content; equal for equal clips however their records were split into files.
    """

    def __init__(self, rows: Mapping[str, Mapping], parsed: Iterable[Mapping[str, Any]]):
        self._frames = FrameStore(MEMORY_BYTES)
        self.rows, self._places, self.lengths, self.references, digests = {}, {}, {}, {}, {}
        for record in parsed:
            video_id, captions = record[features.VIDEO_ID].decode(), record[features.CAPTIONS].tolist()
            self.rows[video_id] = rows[video_id]
            self._places[video_id], self.lengths[video_id] = len(self._frames), len(record[features.FRAMES])
            self.references[video_id] = tuple(caption.decode() for caption in captions)
            self._frames.append(record[features.FRAMES])
            content = hashlib.sha256(json.dumps([video_id, self.references[video_id]]).encode())
            content.update(record[features.FRAMES].tobytes())
            digests[video_id] = content.digest()
        self.ids = tuple(sorted(self._places))
        self.key = hashlib.sha256(b"".join(digests[video_id] for video_id in self.ids)).hexdigest()[:16]

    @classmethod
    def of_run(cls, outcome: Outcome, split: str) -> Clips:
        """Reads the clips of a split; NothingThere if the run's dataset has none of it."""
        try:
            files = split_files(outcome, split)
        except FileNotFoundError as error:
            raise NothingThere(
                f"The run on {outcome.root!r} has no records of the split {split}. Choose one that its dataset has "
                "with the setting evaluation.split."
            ) from error
        return cls({row["video_id"]: row for row in dataset_rows(outcome)}, read_records(files))

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._places

    def frames(self, video_id: str) -> np.ndarray:
        """(time, feature_dim) float32, the features of its real frames."""
        return self._frames[self._places[video_id]]


def read_records(files: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Records as `schemas.records.parse` gives them: ten times as fast as `records.read`, since no Python decodes."""
    import tensorflow as tf

    data = tf.data.TFRecordDataset(files, compression_type="GZIP").map(records.parse, num_parallel_calls=2)
    return data.prefetch(8).as_numpy_iterator()


class ClipMedia:
    """What can be seen of clips."""

    def __init__(self, clips: Clips, sampling: Sampling, limits: DecodingLimits = DecodingLimits()):
        self._clips = clips
        self.film: Callable[[str], Film] = functools.lru_cache(FILMS_KEPT)(
            lambda video_id: film_of(clips.rows[video_id], sampling, clips.lengths[video_id], limits=limits)
        )

    def expected(self, video_id: str) -> bool:
        """Whether there is a film at all, which may still turn out to be unreadable."""
        return "path" in self._clips.rows[video_id]

    def file(self, video_id: str) -> VideoFile | None:
        """The film, where a browser plays its kind and it is still there."""
        row = self._clips.rows[video_id]
        path = Path(row["path"]) if "path" in row else None
        if path is None or path.suffix.lower() not in _MEDIA_TYPES or not path.is_file():
            return None
        return VideoFile(path, _MEDIA_TYPES[path.suffix.lower()], row.get("start"), row.get("end"))
