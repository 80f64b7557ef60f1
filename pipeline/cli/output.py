"""How the command line prints: tables that fit the terminal, JSON, colours, and notes that --quiet leaves out."""

import itertools
import json
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from typing import Any

_COLOURS = {"bold": 1, "red": 31, "green": 32, "yellow": 33}
_NARROWEST = 10  # characters of a column that is wrapped
_NUMBER = re.compile(r"[+-]?[\d.,]+ ?%?|nan|–|-|")
_settings = {"quiet": False}


def set_quiet(quiet: bool) -> None:
    """Chooses for the whole process whether `note` prints anything."""
    _settings["quiet"] = quiet


def is_quiet() -> bool:
    """Whether only results and errors are printed (--quiet)."""
    return _settings["quiet"]


def note(line: str = "", share: float | None = None, /) -> None:
    """Prints a line that is no result, such as advice, to standard error; a `topiclens.schemas.progress.Progress`."""
    if not is_quiet():
        print(line, file=sys.stderr, flush=True)


def print_json(*values: Any, indent: int | None = None) -> None:
    """Prints JSON documents; each on one line by default."""
    for value in values:
        print(json.dumps(value, ensure_ascii=False, indent=indent, default=dict), flush=True)


def paint(text: str, colour: str) -> str:
    """The text in a colour, or as it is where standard output is no terminal or NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def width() -> int:
    """Columns of the terminal; 80 where there is none, and COLUMNS goes before both."""
    return shutil.get_terminal_size().columns


def table(header: Sequence[str], *rows: Sequence[str], columns: int | None = None) -> str:
    """Aligned columns that fit the terminal: the widest are wrapped until they do. Numbers are aligned on the right.

    Args:
        columns: the width to fit; None is the terminal's.
    """
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    room = (columns or width()) - 2 * (len(header) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    right = [all(_NUMBER.fullmatch(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in cells:
        wrapped = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths)]
        for texts in itertools.zip_longest(*wrapped, fillvalue=""):
            aligned = (f"{text:{'>' if number else ''}{size}}" for text, size, number in zip(texts, widths, right))
            lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


class ProgressLine:
    """Prints what a refinement does: a line a step, which counts up where a person looks on."""

    def __init__(self) -> None:
        self._live, self._what, self._began = sys.stderr.isatty(), "", time.monotonic()

    def __call__(self, what: str, share: float | None = None, /) -> None:
        if is_quiet():
            return
        line = f"[{time.monotonic() - self._began:4.0f} s] {what}"
        if self._live:
            begin, end = "\n" if self._what not in ("", what) else "\r", "" if share is None else f" {share:4.0%}"
            print(begin, line, end, sep="", end="", file=sys.stderr, flush=True)
        elif what != self._what:
            note(line)
        self._what = what

    def close(self) -> None:
        """Ends the line that counts up."""
        if self._live and self._what:
            note()
