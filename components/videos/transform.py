"""Ingest with Beam: the rows are checked in parallel, then grouped by id and by content."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

import apache_beam as beam

from topiclens.components.videos import findings, ingest
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.schemas.files import write_text
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
        read, unread = (
            pipeline
            | "Manifest" >> beam.Create([self._manifest_path])
            | "Lines" >> beam.FlatMap(number_lines)
            | "Spread" >> beam.Reshuffle()
            | "CheckLine" >> beam.FlatMapTuple(self._check_line)
            | "Checked" >> _Sift()
        )
        first, repeated = (
            read
            | "ById" >> beam.GroupBy(lambda kept: kept.video_id)
            | "FirstOfId" >> beam.FlatMapTuple(lambda _, rows: findings.keep_first_of_id(rows))
            | "Unique" >> _Sift()
        )
        width = (
            first
            | "Widths" >> beam.Map(lambda kept: kept.width)
            | "OfFeatures" >> beam.Filter(bool)
            | "CountWidths" >> beam.combiners.Count.PerElement()
            | "AllWidths" >> beam.combiners.ToDict()
            | "CommonWidth" >> beam.Map(lambda counts: findings.common_width(counts))
        )
        fitting, misfit = (
            first | "OneWidth" >> beam.Map(findings.keep_width, beam.pvalue.AsSingleton(width)) | "Fitting" >> _Sift()
        )
        apart = (
            fitting
            | "ByContent" >> beam.GroupBy(lambda kept: kept.content_key)
            | "SplitsApart" >> beam.FlatMapTuple(lambda _, rows: findings.keep_splits_apart(rows))
        )
        kept, mixed = apart | "Apart" >> _Sift()
        kept = kept | "HoldOut" >> beam.Map(lambda one: findings.hold_out(one, self._held_out))
        return (
            (unread, repeated, misfit, mixed, kept)
            | "Findings" >> beam.Flatten()
            | "Gather" >> beam.combiners.ToList()
            | "Write" >> beam.Map(self._write)
        )

    def _check_line(self, number: int, line: bytes) -> list[findings.Finding]:
        return ingest.check_line(number, line, root=self._root, limits=self._limits)

    def _write(self, found: Iterable[findings.Finding]) -> dict:
        files = ingest.dataset_files(found)
        for name, text in files.items():
            write_text(os.path.join(self._output_dir, name), text)
        return json.loads(files[ingest.SUMMARY])


class _Sift(beam.PTransform):
    """Findings -> (accepted, rejected)."""

    def expand(self, found):
        rejected, accepted = found | beam.Partition(lambda one, _: int(isinstance(one, findings.Accepted)), 2)
        return accepted, rejected
