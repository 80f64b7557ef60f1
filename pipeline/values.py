"""Values of settings as people write them."""

from __future__ import annotations

import ast
import difflib
import json
import typing
from collections.abc import Iterable


class SettingError(ValueError):
    """A setting that does not exist or cannot have that value."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence with the names that are spelt like one that does not exist, or with all where none is."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names)}."


def literal(text: str) -> typing.Any:
    """What a person wrote for a value: a Python or JSON literal, or else the text itself."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text
