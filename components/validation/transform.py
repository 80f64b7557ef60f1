"""Finds the unsound records of an Examples artifact with Beam."""

from __future__ import annotations

import apache_beam as beam

from topiclens.components.validation.check import problems_of
from topiclens.schemas import records


class FindProblems(beam.PTransform):
    """(split, record file) pairs -> (video id, what is wrong) pairs.

    Args:
        feature_dim, n_topics, max_frames: the sizes that every record must have.
    """

    def __init__(self, feature_dim: int, n_topics: int, max_frames: int):
        super().__init__()
        self._sizes = {"feature_dim": feature_dim, "n_topics": n_topics, "max_frames": max_frames}

    def expand(self, files):
        return files | "Check" >> beam.FlatMapTuple(self._check)

    def _check(self, split: str, path: str):
        for record in records.read([path]):
            for problem in problems_of(record, split=split, **self._sizes):
                yield record.video_id, problem
