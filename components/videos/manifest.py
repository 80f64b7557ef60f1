"""The dataset manifest: one JSON object a line, checked against ``schemas/manifest.schema.json``."""

import functools
import importlib.resources
import json
import math
import os
from collections.abc import Iterable, Iterator

import jsonschema

from components.downloads import written_aside

_SHOWN_CHARACTERS = 80
_KINDS = {"string": "text", "array": "a list", "number": "a number", "object": "an object"}


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
        row = json.loads(line.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
        json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no text
    except UnicodeError as error:
        raise ManifestError(f"line {number}: not UTF-8 text ({error.reason}). Save the manifest as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"line {number}: not JSON ({error}). A manifest holds one JSON object a line.") from None
    video_id = row.get("video_id") if isinstance(row, dict) else None
    video_id = video_id if isinstance(video_id, str) else None
    fault = jsonschema.exceptions.best_match(_validator().iter_errors(row)) or _segment_fault(row)
    if fault:
        raise ManifestError(f"line {number}: {_explain(fault)}", video_id)
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
            raise ManifestError(f"{os.fspath(path)}, line {number}: expected a JSON object, got {_shown(row)}.")
        yield row


def write(path: str | os.PathLike, rows: Iterable[dict]) -> int:
    """Writes rows as JSON Lines, aside first and renamed when whole; returns their count."""
    count = 0
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = importlib.resources.files("schemas").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(schema))


def _no_constant(name: str):
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text)


def _segment_fault(row: dict) -> str | None:
    if ("start" in row or "end" in row) and "path" not in row:
        return "`start` and `end` cut a segment out of a `path`, and this row has none."
    if row.get("end", float("inf")) <= row.get("start", 0):
        return f"the segment ends at {row['end']:g} s, which is not after its start at {row.get('start', 0):g} s."
    return None


def _explain(fault: jsonschema.ValidationError | str) -> str:
    """The fault in words that name the field, what was expected and what came."""
    if isinstance(fault, str):
        return fault
    field = "".join(f"[{part}]" if isinstance(part, int) else f"`{part}`" for part in fault.absolute_path)
    if not field:
        if fault.validator == "not":
            return "the row has both `path` and `features`; expected one of them, or neither for text alone."
        if fault.validator == "type":
            return f"expected a JSON object, got {_shown(fault.instance)}."
        known = ", ".join(f"`{name}`" for name in fault.schema["properties"])
        return f"{fault.message}. A row's fields are {known}."
    expected = {
        "enum": lambda: "one of " + ", ".join(map(repr, fault.validator_value)),
        "type": lambda: _KINDS[fault.validator_value],
        "minimum": lambda: f"at least {fault.validator_value}",
        "exclusiveMinimum": lambda: f"more than {fault.validator_value}",
        "minLength": lambda: "text that is not empty",
        "maxLength": lambda: f"at most {fault.validator_value} characters",
        "pattern": lambda: fault.schema["description"],
    }[fault.validator]()
    return f"{field} is {_shown(fault.instance)}; expected {expected.rstrip('.')}."


def _shown(value) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
