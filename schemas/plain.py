"""Dataclasses in the types of JSON, and back.

Steps of the pipeline receive their settings so: Kubeflow hands lists and objects on as undecoded JSON, so every step
takes one text. It is read and checked once, at the step's door; behind it everything is typed.
"""

from __future__ import annotations

import enum
import functools
import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_WORDS: dict[Any, str] = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null",
    tuple: "a list", Mapping: "an object",
}  # fmt: skip


class ConfigError(ValueError):
    """A value that a setting cannot have; the message names the setting, what was expected and what came."""


def time_text(time: datetime) -> str:
    """UTC to the microsecond, in one form for every moment: sorted as text, moments are in order."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def time_of(text: str) -> datetime:
    """Reads `time_text`; ValueError for a moment that does not exist, such as the 31st of June."""
    return datetime.fromisoformat(text)


def to_plain(value: Any, defaults: bool = True) -> Any:
    """A value, such as a dataclass, in the types of JSON; without `defaults`, fields that have theirs are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        given = {field.name: getattr(value, field.name) for field in fields(value)}
        value = given if defaults else {f.name: given[f.name] for f in fields(value) if given[f.name] != _default(f)}
    match value:
        case datetime():
            return time_text(value)
        case enum.Enum():
            return value.value
        case Mapping():
            return {str(key): to_plain(item, defaults) for key, item in value.items()}
        case tuple() | list():
            return [to_plain(item, defaults) for item in value]
        case _:
            return value


def from_plain(kind: type[T], value: Any, name: str | None = None) -> T:
    """The value of a type, such as a dataclass, out of what `to_plain` made of it.

    Without a `name` the value is trusted: fields that the dataclass does not know are left out, and missing ones have
    their defaults. With `name`, that of a setting, it must have exactly the fields, each of its annotated type.

    Raises:
        ConfigError: a named value is not as its type says; the message names the place.
    """
    return _read(kind, value, name)


def to_json(config: Any) -> str:
    """A dataclass as JSON; equal ones give equal text, so that a step with equal settings is found in the cache."""
    return json.dumps(asdict(config), sort_keys=True)


def from_json(kind: type[T], text: str, step: str) -> T:
    """Reads what `to_json` wrote; ConfigError, which names the `step` and the field, if it is anything else."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The configuration of {step} is {text!r}; expected a JSON object ({error}).") from error
    return from_plain(kind, value, step)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


_hints = functools.cache(get_type_hints)  # which takes longer than all else here


def _read(kind: Any, value: Any, name: str | None) -> Any:
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if value is None and types.NoneType in kinds:
        return None
    for one in kinds:
        origin, inner = get_origin(one), get_args(one)
        if is_dataclass(one):
            return _build(one, value, name)
        if origin is tuple and isinstance(value, (list, tuple)):
            items = [inner[0]] * len(value) if inner[-1] is ... else inner
            named = zip(items, value, strict=True)
            return tuple(_read(item, part, name and f"{name}[{place}]") for place, (item, part) in enumerate(named))
        if origin in (Mapping, dict) and isinstance(value, Mapping):
            keys = int if inner[0] is int else str
            return {keys(key): _read(inner[1], part, name and f"{name}[{key!r}]") for key, part in value.items()}
        if one is datetime:
            return time_of(value)
        if isinstance(one, type) and issubclass(one, enum.Enum):
            return one(value)
        if one is float and type(value) in (int, float) and math.isfinite(value):
            return float(value)
        if one is Any or (one is not float and type(value) is one):
            return value
    if name is None:
        return value
    expected = " or ".join(_WORDS[get_origin(one) or one] for one in kinds)
    raise ConfigError(f"{name} cannot be {value!r}; expected {expected}.")


def _build(kind: Any, value: Any, name: str | None) -> Any:
    hints, names = _hints(kind), [field.name for field in fields(kind)]
    given = value if isinstance(value, Mapping) else {}
    if name is None:
        return kind(**{field: _read(hints[field], given[field], None) for field in names if field in given})
    missing, unknown = [field for field in names if field not in given], sorted(set(given) - set(names))
    if missing or unknown:
        faults = [("lacks", missing), ("has the unknown", unknown)]
        said = " and ".join(f"{fault} {', '.join(fields)}" for fault, fields in faults if fields)
        raise ConfigError(
            f"The configuration of {name} {said}; expected the fields {', '.join(names)}. A pipeline that another "
            "version of TopicLens compiled has to be compiled anew."
        )
    values = {field: _read(hints[field], given[field], f"{name}.{field}") for field in names}
    try:
        return kind(**values)
    except ValueError as error:
        raise ConfigError(f"The configuration of {name} cannot be used: {error}") from error
