"""The clips of a run that people review: their records, and the rows that say where their films are."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topiclens.components.relevance.report import Film, film_of
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.review.uploaded import UPLOADED, UploadedClips, film_of_uploaded
from topiclens.pipeline.run_metadata import NothingThere, Outcome, dataset_rows, split_files
from topiclens.schemas import features, records
from topiclens.schemas.corrections import TRAINING
from topiclens.serving.review.backend import ReviewError
from topiclens.serving.review.shown import ANY_SPLIT, SplitChoice, VideoFile
from topiclens.trainer.videos import FrameStore

MEASURED = "val"  # by the gate of a refinement
MEMORY_BYTES = 2**29  # of features that are kept in memory; more goes to a scratch file
FILMS_KEPT = 256  # whose pictures are kept in memory: about 200 kB each
_MEDIA_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg"}
Reader = Callable[[], Iterable[Mapping[str, Any]]]


class Clips:
    """Clips by their ids, which are looked up and never made part of a path. For several threads.

    The clips of a split are read when they are asked for first.

    Args:
        rows: of the dataset, by id.
        readers: split -> reads its records, as `topiclens.schemas.records.parse` gives them, in any order.
        measured: the splits by which models are judged, whose clips people look at only where they ask for them.
    Attributes:
        rows, lengths, references: of the dataset, how many frames, what people wrote; by id. The last two know of clips
            that were read.
    """

    def __init__(self, rows: Mapping[str, Mapping], readers: Mapping[str, Reader], measured: Collection[str] = ()):
        self.rows, self._readers, self._measured = dict(rows), dict(readers), measured
        self.lengths: dict[str, int] = {}
        self.references: dict[str, tuple[str, ...]] = {}
        self._frames, self._places = FrameStore(MEMORY_BYTES), dict[str, int]()
        self._digests: dict[str, bytes] = {}
        self._read: dict[str, tuple[str, ...]] = {}  # split -> the ids of its clips
        self._reading = threading.Lock()
        self.for_review = review_splits(readers, measured)
        self.splits = tuple(SplitChoice(split, self._used_for(split), split in self.for_review) for split in readers)

    @classmethod
    def of_run(cls, outcome: Outcome, measured: Collection[str], uploaded: UploadedClips) -> Clips:
        """The clips of a run, and those that people uploaded, none of them read yet; NothingThere if it has none."""
        rows = {row["video_id"]: row for row in dataset_rows(outcome)}
        readers: dict[str, Reader] = {}
        for split in sorted({row["split"] for row in rows.values()}):
            try:
                readers[split] = functools.partial(read_records, split_files(outcome, split))
            except FileNotFoundError:
                continue  # of its clips there are captions alone
        if not readers:
            raise NothingThere(f"The run on {outcome.root!r} has no records of clips. 'topiclens run' makes them.")
        return cls({**uploaded.rows(), **rows}, {**readers, UPLOADED: uploaded.records}, measured)

    def __len__(self) -> int:
        """How many were read."""
        return sum(map(len, self._read.values()))

    def __contains__(self, video_id: str) -> bool:
        if video_id not in self._places and video_id in self.rows:
            self.read(self.rows[video_id]["split"])
        return video_id in self._places

    def choose(self, wanted: str) -> tuple[str, ...]:
        """The splits that a filter asks for: its one, all, or those that are for review; they are read."""
        known = [split.name for split in self.splits]
        if wanted not in ("", ANY_SPLIT, *known):
            raise ReviewError(f"There are no clips of the split “{wanted[:40]}” here. Choose {', '.join(known)}.")
        chosen = {"": self.for_review, ANY_SPLIT: tuple(known)}.get(wanted, (wanted,))
        for split in chosen:
            self.read(split)
        return chosen

    def ids(self, splits: Iterable[str]) -> tuple[str, ...]:
        """The ids of the clips of some splits, as far as these were read."""
        return tuple(video_id for split in splits for video_id in self._read.get(split, ()))

    def batches(self, size: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        """All that were read, at most `size` at a time, with a key that names their content: it is the same however
        their records were split into files."""
        for ids in list(self._read.values()):
            for start in range(0, len(ids), size):
                batch = ids[start : start + size]
                yield hashlib.sha256(b"".join(map(self._digests.__getitem__, batch))).hexdigest()[:32], batch

    def digest(self, video_id: str) -> str:
        """Names the content of a clip: its id, what people wrote, its frames."""
        return self._digests[video_id].hex()[:32]

    def frames(self, video_id: str) -> np.ndarray:
        """(time, feature_dim) float32, the features of its real frames."""
        return self._frames[self._places[video_id]]

    def read(self, split: str) -> None:
        """Reads a split, unless that is done."""
        with self._reading:
            if split in self._read or split not in self._readers:
                return
            ids = []
            for record in self._readers[split]():
                video_id, captions = record[features.VIDEO_ID].decode(), record[features.CAPTIONS].tolist()
                self._keep(video_id, tuple(caption.decode() for caption in captions), record[features.FRAMES])
                ids.append(video_id)
            self._read[split] = tuple(sorted(ids))

    def add(self, row: Mapping, frames: np.ndarray) -> None:
        """Takes in a clip that is new, undescribed, and not of the dataset, unless it is there."""
        video_id, split = row["video_id"], row["split"]
        self.read(split)
        with self._reading:
            if video_id not in self._places:
                self.rows[video_id] = row
                self._keep(video_id, (), frames)
                self._read[split] = (*self._read.get(split, ()), video_id)

    def _keep(self, video_id: str, captions: tuple[str, ...], frames: np.ndarray) -> None:
        content = hashlib.sha256(json.dumps([video_id, captions]).encode())
        content.update(frames.tobytes())
        self._digests[video_id] = content.digest()
        self.lengths[video_id], self.references[video_id] = len(frames), captions
        place = len(self._frames)
        self._frames.append(frames)
        self._places[video_id] = place  # last: from here on others find the clip

    def _used_for(self, split: str) -> str:
        if split == TRAINING:
            return "learnt from"
        return "judged by" if split in self._measured else ""


def review_splits(splits: Collection[str], measured: Collection[str]) -> tuple[str, ...]:
    """The splits whose clips people look at: those that no model learns from or is judged by, else those of
    training; and those that were uploaded.

    >>> review_splits(["train", "val", "test"], ["val"]), review_splits(["train", "val"], ["val"])
    (('test',), ('train',))
    """
    free = [split for split in splits if split not in measured and split != UPLOADED]
    chosen = [split for split in free if split != TRAINING] or free or [split for split in splits if split != UPLOADED]
    return (*chosen, *(split for split in splits if split == UPLOADED))


def read_records(files: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Records as `schemas.records.parse` gives them: ten times as fast as `records.read`, since no Python decodes."""
    import tensorflow as tf

    data = tf.data.TFRecordDataset(files, compression_type="GZIP").map(records.parse, num_parallel_calls=2)
    return data.prefetch(8).as_numpy_iterator()


class ClipMedia:
    """What can be seen of clips."""

    def __init__(self, clips: Clips, sampling: Sampling, limits: DecodingLimits = DecodingLimits()):
        self._clips = clips

        def film(video_id: str) -> Film:
            row = clips.rows[video_id]
            if row["split"] == UPLOADED:
                return film_of_uploaded(row)
            return film_of(row, sampling, clips.lengths[video_id], limits=limits)

        self.film: Callable[[str], Film] = functools.lru_cache(FILMS_KEPT)(film)

    def expected(self, video_id: str) -> bool:
        """Whether there is a film at all, which may still turn out to be unreadable."""
        row = self._clips.rows[video_id]
        return "path" in row or row["split"] == UPLOADED

    def file(self, video_id: str) -> VideoFile | None:
        """The film, where a browser plays its kind and it is still there."""
        row = self._clips.rows[video_id]
        path = Path(row["path"]) if "path" in row else None
        if path is None or path.suffix.lower() not in _MEDIA_TYPES or not path.is_file():
            return None
        return VideoFile(path, _MEDIA_TYPES[path.suffix.lower()], row.get("start"), row.get("end"))
