"""JSON Lines, read with Beam; `topiclens.schemas.json_lines` reads and writes them plainly."""

import json

import apache_beam as beam


class ReadRows(beam.PTransform):
    """The rows of one file as a PCollection of dicts."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def expand(self, pipeline):
        return pipeline | beam.io.ReadFromText(self._path) | beam.Map(json.loads)
