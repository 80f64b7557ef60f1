"""Dataclasses in the types of JSON, and back."""

from __future__ import annotations

import enum
import functools
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def time_text(time: datetime) -> str:
    """UTC to the microsecond, in one form for every moment: sorted as text, moments are in order."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def time_of(text: str) -> datetime:
    """Reads `time_text`; ValueError for what is no moment, such as the 31st of June."""
    return datetime.fromisoformat(text)


def to_plain(value: Any) -> Any:
    """A value, such as a dataclass, in the types of JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    match value:
        case datetime():
            return time_text(value)
        case enum.Enum():
            return value.value
        case Mapping():
            return {key: to_plain(item) for key, item in value.items()}
        case tuple() | list():
            return [to_plain(item) for item in value]
        case _:
            return value


def from_plain(kind: type[T], value: Any) -> T:
    """The value of a type out of what `to_plain` made of it; what a dataclass has no field for is left out."""
    return _read(kind, value)


_hints = functools.cache(get_type_hints)  # which takes longer than all else here


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (kind, *others) = [one for one in arguments if one is not types.NoneType]
        return value if value is None or others else _read(kind, value)
    if origin is tuple:
        items = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return tuple(_read(item, one) for item, one in zip(items, value, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _read(arguments[1], item) for key, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        given = {field.name for field in fields(kind)} & set(value)
        return kind(**{name: _read(hints[name], value[name]) for name in given})
    if kind is datetime:
        return time_of(value)
    return kind(value) if isinstance(kind, type) and issubclass(kind, enum.Enum) else value
