"""How results look in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


def html_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every cell is text."""
    lines = (
        [f"<th style='text-align:left'>{html.escape(head)}</th>" for head in heads],
        *([f"<td style='text-align:left'>{html.escape(str(cell))}</td>" for cell in row] for row in rows),
    )
    return "<table>" + "".join(f"<tr>{''.join(line)}</tr>" for line in lines) + "</table>"
