"""Settings in words, from the docstrings of their classes: what `topiclens settings` and the README show."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
import re
from collections.abc import Iterator

from topiclens.pipeline.settings import Settings


def described(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Every setting in words: its name, its value as `--set` takes it, and what its class's docstring says of it."""
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        meanings = {
            name: text for kind in reversed(type(values).__mro__[:-1]) for name, text in _meanings(kind).items()
        }
        for field in dataclasses.fields(values):
            value = json.dumps(getattr(values, field.name), default=dict)
            yield f"{section.name}.{field.name}", value, meanings[field.name]


def _meanings(section: type) -> dict[str, str]:
    """What a settings class' docstring says of each field, under `Args` or `Attributes`."""
    meanings: dict[str, str] = {}
    names: list[str] = []
    lines = re.split(r"^(?:Args|Attributes):\n", inspect.cleandoc(section.__doc__ or ""), flags=re.MULTILINE)[
        1
    ].splitlines()
    for line in itertools.takewhile(lambda line: line.startswith(" ") or not line, lines):
        entry = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if entry:
            names = entry[1].split(", ")
            meanings.update(dict.fromkeys(names, entry[2]))
        else:
            meanings.update({name: f"{meanings[name]} {line.strip()}".strip() for name in names})
    return meanings
