"""The dataset manifest: one JSON object a line, checked against ``schemas/manifest.schema.json``."""

from topiclens.components.common import json_schema


class ManifestError(ValueError):
    """A manifest, or a corpus read in place of one, is at fault; `video_id` is the row's, where it could be read."""

    def __init__(self, message: str, video_id: str | None = None):
        super().__init__(message)
        self.video_id = video_id


def parse_line(number: int, line: bytes) -> dict:
    """Reads one line of a manifest, UTF-8 JSON: a row valid against the schema, its `end` after its `start`.

    Raises:
        ManifestError: it is not; the message names the line's number, the field and the fault.
    """
    try:
        row = json_schema.decode_line(line)
    except ValueError as error:
        raise ManifestError(f"line {number}: {error}") from None
    video_id = row.get("video_id") if isinstance(row, dict) else None
    video_id = video_id if isinstance(video_id, str) else None
    fault = (
        _both_fault(row)
        or json_schema.find_fault(row, json_schema.load_validator("manifest.schema.json"))
        or _segment_fault(row)
    )
    if fault:
        raise ManifestError(f"line {number}: {fault}", video_id)
    return row


def _both_fault(row) -> str | None:
    if isinstance(row, dict) and "path" in row and "features" in row:
        return "the row has both `path` and `features`; expected one of them, or neither for text alone."
    return None


def _segment_fault(row: dict) -> str | None:
    if ("start" in row or "end" in row) and "path" not in row:
        return "`start` and `end` cut a segment out of a `path`, and this row has none."
    if row.get("end", float("inf")) <= row.get("start", 0):
        return f"the segment ends at {row['end']:g} s, which is not after its start at {row.get('start', 0):g} s."
    return None
