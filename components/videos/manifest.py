"""The dataset manifest: one JSON object a line, checked against ``schemas/manifest.schema.json``."""

from typing import Any

from topiclens.components.common import json_schema


class ManifestError(ValueError):
    """A manifest, or a corpus in place of one, is wrong; `video_id` is the row's, if it could be read."""

    def __init__(self, message: str, video_id: str | None = None):
        super().__init__(message)
        self.video_id = video_id


def parse_line(number: int, line: bytes) -> dict:
    """Reads one line of a manifest, UTF-8 JSON; ManifestError, which names line, field and fault, if it is invalid."""
    try:
        row = json_schema.decode_line(line)
    except ValueError as error:
        raise ManifestError(f"line {number}: {error}") from None
    video_id = row.get("video_id") if isinstance(row, dict) else None
    video_id = video_id if isinstance(video_id, str) else None
    fault = _find_fault(row)
    if fault:
        raise ManifestError(f"line {number}: {fault}", video_id)
    return row


def _find_fault(row: Any) -> str | None:
    if isinstance(row, dict) and "path" in row and "features" in row:
        return "the row has both `path` and `features`; expected one of them, or neither for text without frames."
    if fault := json_schema.find_fault(row, json_schema.load_validator("manifest.schema.json")):
        return fault
    if ("start" in row or "end" in row) and "path" not in row:
        return "`start` and `end` cut a segment out of a `path`, and this row has none."
    if row.get("end", float("inf")) <= row.get("start", 0):
        return f"the segment ends at {row['end']:g} s, which is not after its start at {row.get('start', 0):g} s."
    return None
