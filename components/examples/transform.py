"""Joins features, captions and topics into one record a video, and writes them by split.

Every video goes to the file that the hash of its id names, and a file is sorted
by id: the same inputs give the same bytes, however many workers wrote them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np

from schemas import records

RECORDS_PER_FILE = 1024


def file_of(video_id: str, files: int) -> int:
    """The file, 0..files-1, that a video belongs in; the same on every machine."""
    return int.from_bytes(hashlib.sha256(video_id.encode()).digest()[:8], "big") % files


def indicator(present: Iterable[int], n_topics: int) -> np.ndarray:
    """(n_topics,) int64: 1 at the topics that are present."""
    topics = np.zeros(n_topics, np.int64)
    topics[list(present)] = 1
    return topics


class WriteRecords(beam.PTransform):
    """Rows, features and labels -> one folder of gzip TFRecords a split.

    Expands a dict of three PCollections: ``rows`` (accepted manifest rows),
    ``features`` of (video_id, (t, dim) float32) and ``labels`` of
    (video_id, topic ids). A video whose features were set aside makes no
    record. Gives (split, count) of the records written.

    Args:
        output_dir: the folder that gets ``Split-<name>/``.
        n_topics: the length of the topic vector.
        videos: how many videos each split holds, by split; sets the count of files.
    """

    def __init__(self, output_dir: str, *, n_topics: int, videos: dict[str, int]):
        super().__init__()
        self._output_dir = output_dir
        self._n_topics = n_topics
        self._files = {split: -(-count // RECORDS_PER_FILE) for split, count in videos.items() if count}

    def expand(self, inputs):
        by_id = {
            "rows": inputs["rows"] | "RowById" >> beam.Map(lambda row: (row["video_id"], row)),
            "features": inputs["features"],
            "labels": inputs["labels"],
        }
        return (
            by_id
            | "Join" >> beam.CoGroupByKey()
            | "Encode" >> beam.FlatMapTuple(self._encode)
            | "ByFile" >> beam.GroupByKey()
            | "Write" >> beam.MapTuple(self._write)
            | "Count" >> beam.CombinePerKey(sum)
        )

    def _encode(self, video_id: str, joined: dict) -> Iterator[tuple[tuple[str, int], tuple[str, bytes]]]:
        rows, frames, labels = (list(joined[name]) for name in ("rows", "features", "labels"))
        if not rows or not frames:
            return
        if not labels:
            raise ValueError(
                f"Video {video_id!r} has features but no topics: the topics step read another dataset than "
                "the features step. Run the pipeline again from ingest."
            )
        record = records.VideoRecord(
            video_id=video_id,
            split=rows[0]["split"],
            frames=frames[0],
            captions=tuple(rows[0]["captions"]),
            topics=indicator(labels[0], self._n_topics),
            label=rows[0].get("label"),
        )
        yield (record.split, file_of(video_id, self._files[record.split])), (video_id, records.encode(record))

    def _write(self, file: tuple[str, int], members: Iterable[tuple[str, bytes]]) -> tuple[str, int]:
        import tensorflow as tf

        split, number = file
        folder = os.path.join(self._output_dir, f"Split-{split}")
        tf.io.gfile.makedirs(folder)
        path = os.path.join(folder, f"data_tfrecord-{number:05d}-of-{self._files[split]:05d}.gz")
        return split, records.write(path, [serialized for _, serialized in sorted(members)])
