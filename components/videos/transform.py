"""Ingest with Beam: the rows are checked in parallel."""

from __future__ import annotations

import os
from collections.abc import Mapping

import apache_beam as beam

from topiclens.components.videos import ingest
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.findings import Finding
from topiclens.schemas.json_lines import number_lines


class IngestVideos(beam.PTransform):
    """A manifest -> the files of a dataset (`ingest.dataset_files`); gives the summary, one dict.

    The arguments are those of `ingest.ingest`. Workers read `root` under its path; `output_dir` may be remote.
    """

    def __init__(
        self,
        manifest_path: str,
        root: str,
        output_dir: str,
        *,
        held_out: Mapping[str, float] = {},
        limits: DecodingLimits = DecodingLimits(),
    ):
        super().__init__()
        self._manifest_path = os.fspath(manifest_path)
        self._root = os.fspath(root)
        self._output_dir = os.fspath(output_dir)
        self._held_out = held_out
        self._limits = limits

    def expand(self, pipeline):
        return (
            pipeline
            | "Manifest" >> beam.Create([self._manifest_path])
            | "Lines" >> beam.FlatMap(number_lines)
            | "Spread" >> beam.Reshuffle()
            | "CheckLine" >> beam.FlatMapTuple(self._check_line)
            | "Gather" >> beam.combiners.ToList()
            | "Write" >> beam.Map(lambda found: ingest.write_dataset(found, self._output_dir, self._held_out))
        )

    def _check_line(self, number: int, line: bytes) -> list[Finding]:
        return ingest.check_line(number, line, root=self._root, limits=self._limits)
