"""Tables of results, in HTML for notebooks and in Markdown for reports. Every cell is text, whatever it holds."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"[+-]?[\d.,]*(e[+-]\d+)?|nan|–")


def html_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for a notebook."""
    lines = (
        [f"<th style='text-align:left'>{html.escape(head)}</th>" for head in heads],
        *([f"<td style='text-align:left'>{html.escape(str(cell))}</td>" for cell in row] for row in rows),
    )
    return "<table>" + "".join(f"<tr>{''.join(line)}</tr>" for line in lines) + "</table>"


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; columns of numbers are aligned on the right."""
    cells = [[" ".join(str(cell).split()).replace("|", r"\|") for cell in row] for row in (heads, *rows)]
    numbers = [len(cells) > 1 and all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in zip(*cells)]
    cells.insert(1, ["---:" if number else "---" for number in numbers])
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
