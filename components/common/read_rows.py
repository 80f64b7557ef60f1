"""JSON Lines, read with Beam; `topiclens.schemas.json_lines` reads and writes them plainly."""

import json
from typing import Any

import apache_beam as beam


def read_rows(path: str) -> Any:
    """The rows of one file as a PCollection of dicts."""
    return beam.io.ReadFromText(path) | beam.Map(json.loads)
