"""JSON Lines, the form in which steps hand rows to each other: read plainly or with Beam."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import apache_beam as beam

from topiclens.components.common import artifact_io


def read(path: str) -> Iterator[dict]:
    """The rows of a file, in order; local or on an object store."""
    for line in artifact_io.read_text(path).split("\n"):  # not splitlines: JSON strings may hold other line separators
        if line:
            yield json.loads(line)


def write(path: str, rows: Iterable[dict]) -> None:
    """Writes rows aside and renames the file; equal rows give equal bytes."""
    artifact_io.write_text(path, "".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows))


class ReadRows(beam.PTransform):
    """The rows of one file as a PCollection of dicts."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def expand(self, pipeline):
        return pipeline | beam.io.ReadFromText(self._path) | beam.Map(json.loads)
