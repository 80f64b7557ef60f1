"""JSON Lines: one JSON object a line. The form in which steps, commands and people hand rows to each other.

Only a line feed ends a line. A caption may hold other characters that Python's `splitlines` takes for line ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from topiclens.schemas import files


class JsonLinesError(ValueError):
    """A line that is not a JSON object; the message names file and line."""


def number_lines(path: files.Path) -> Iterator[tuple[int, bytes]]:
    """Yields (line number from 1, bytes) for every line that is not blank; a byte order mark is ignored."""
    return _split(files.read_bytes(path))


def read_rows(path: files.Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file, local or in an object store; JsonLinesError if a line is not a JSON object."""
    return parse_rows(files.read_bytes(path), path)


def parse_rows(content: bytes, source: files.Path) -> Iterator[dict[str, Any]]:
    """As `read_rows`, of a file's content; `source` names it in messages."""
    for number, line in _split(content):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise JsonLinesError(f"{os.fspath(source)}, line {number}: not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise JsonLinesError(f"{os.fspath(source)}, line {number}: expected a JSON object, got {row!r:.80}.")
        yield row


def format_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of a file with these rows; equal rows give equal text."""
    return "".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows)


def write_rows(path: files.Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes or replaces a file of rows; equal rows give equal bytes."""
    files.write_text(path, format_rows(rows))


def _split(content: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line.strip()
