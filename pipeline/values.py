"""Values of settings as people write them."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable


class SettingError(ValueError):
    """A setting that does not exist or cannot have that value."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence with the names that are spelt like one that does not exist, or with all where none is."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names)}."


def literal(text: str):
    """What a person wrote for a value: a Python or JSON literal, or else the text itself."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return None if text == "None" else text


def fitting(name: str, current, value):
    """The value in the setting's own type, where that loses nothing.

    Args:
        name: of the setting, `section.name`.
        current: its value before.
    Raises:
        SettingError: it cannot have that value.
    """
    if isinstance(current, bool) or current is None or value is None:
        fits = not isinstance(current, bool) or isinstance(value, bool)
    elif isinstance(current, float):
        fits, value = isinstance(value, (int, float)) and not isinstance(value, bool), value
        value = float(value) if fits else value
    elif isinstance(current, tuple):
        fits, value = isinstance(value, (list, tuple)), tuple(value) if isinstance(value, (list, tuple)) else value
    else:
        fits = isinstance(value, type(current)) and not isinstance(value, bool)
    if not fits:
        raise SettingError(f"{name} is {current!r} by default and cannot be {value!r}.")
    return value
