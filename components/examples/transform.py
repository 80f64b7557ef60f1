"""Joins features, captions and topics into one record a video, and writes them by split.

Every video goes to the file that the hash of its id names, and a file is sorted by id: the same inputs give the same
bytes, however many workers wrote them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np

from topiclens.schemas import records

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

    Expands a dict of three PCollections: ``rows`` (accepted manifest rows), ``features`` of (video_id, (t, dim)
    float32) and ``labels`` of (video_id, topic ids). A video whose features were set aside makes no record. Gives
    (split, count) of the records written. `videos`, how many there are, sets the count of files.

    The join is by file, not by video: so the frames, most of the data, pass from worker to worker only once.
    """

    def __init__(self, output_dir: str, *, n_topics: int, videos: int):
        super().__init__()
        self._output_dir = output_dir
        self._n_topics = n_topics
        self._files = max(1, -(-videos // RECORDS_PER_FILE))

    def expand(self, inputs):
        parts = {**inputs, "rows": inputs["rows"] | "RowById" >> beam.Map(lambda row: (row["video_id"], row))}
        by_file = {name: part | f"FileOf {name}" >> beam.MapTuple(self._with_file) for name, part in parts.items()}
        return (
            by_file
            | "Join" >> beam.CoGroupByKey()
            | "Write" >> beam.FlatMapTuple(self._write)
            | "Count" >> beam.CombinePerKey(sum)
        )

    def _with_file(self, video_id: str, part):
        return file_of(video_id, self._files), (video_id, part)

    def _write(self, number: int, joined: dict) -> Iterator[tuple[str, int]]:
        import tensorflow as tf

        rows, features, labels = (dict(joined[name]) for name in ("rows", "features", "labels"))
        by_split: dict[str, list[bytes]] = {}
        for video_id in sorted(rows.keys() & features.keys()):
            if video_id not in labels:
                raise ValueError(
                    f"Video {video_id!r} has features but no topics: the topics step read another dataset than "
                    "the features step. Run the pipeline again from ingest."
                )
            row = rows[video_id]
            record = records.VideoRecord(
                video_id=video_id,
                split=row["split"],
                frames=features.pop(video_id),
                captions=tuple(row["captions"]),
                topics=indicator(labels[video_id], self._n_topics),
                label=row.get("label"),
            )
            by_split.setdefault(record.split, []).append(records.encode(record))
        for split, serialized in by_split.items():
            folder = os.path.join(self._output_dir, f"Split-{split}")
            tf.io.gfile.makedirs(folder)
            path = os.path.join(folder, f"data_tfrecord-{number:05d}-of-{self._files:05d}.gz")
            yield split, records.write(path, serialized)
