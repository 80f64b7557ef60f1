"""The dataset manifest: one JSON object a line, checked against ``schemas/manifest.schema.json``."""

import json
import os
from collections.abc import Iterable, Iterator

from topiclens.components.common import json_rows
from topiclens.components.common.downloads import written_aside


class ManifestError(ValueError):
    """A manifest, or a corpus read in place of one, that is not what it should be.

    Attributes:
        video_id: the id of the row at fault, where it could be read; otherwise None.
    """

    def __init__(self, message: str, video_id: str | None = None):
        super().__init__(message)
        self.video_id = video_id


def read_lines(path: str | os.PathLike) -> Iterator[tuple[int, bytes]]:
    """Yields (line number from 1, bytes) for every line that is not blank."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            line = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
            if line:
                yield number, line


def parse_line(number: int, line: bytes) -> dict:
    """Reads one line of a manifest.

    Args:
        number: the line's number, for messages.
        line: UTF-8 JSON.
    Returns:
        The row, valid against the schema; a segment's `end` lies after its `start`.
    Raises:
        ManifestError: not UTF-8, not JSON, or not a valid row; the message names the line, the field and the fault.
    """
    try:
        row = json_rows.decode(line)
    except ValueError as error:
        raise ManifestError(f"line {number}: {error}") from None
    video_id = row.get("video_id") if isinstance(row, dict) else None
    video_id = video_id if isinstance(video_id, str) else None
    fault = _both_fault(row) or json_rows.fault(row, json_rows.validator("manifest.schema.json")) or _segment_fault(row)
    if fault:
        raise ManifestError(f"line {number}: {fault}", video_id)
    return row


def read(path: str | os.PathLike) -> Iterator[dict]:
    """Yields the rows of a manifest, or of any file that one of the steps wrote; the first bad row raises.

    Raises:
        ManifestError: a line is not a JSON object.
    """
    for number, line in read_lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ManifestError(f"{os.fspath(path)}, line {number}: not JSON ({error}).") from None
        if not isinstance(row, dict):
            got = json_rows.shown(row)
            raise ManifestError(f"{os.fspath(path)}, line {number}: expected a JSON object, got {got}.")
        yield row


def write(path: str | os.PathLike, rows: Iterable[dict]) -> int:
    """Writes rows as JSON Lines, aside first and renamed when whole; returns their count."""
    count = 0
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


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
