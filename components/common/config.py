"""Settings as typed dataclasses, and as the JSON in which a step of the pipeline receives them.

Kubeflow hands lists and objects on as undecoded JSON, so that every step takes one text. It is read and checked once,
at the step's door; behind it everything is typed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping

Config = typing.TypeVar("Config")
_WORDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null",
    tuple: "a list", Mapping: "an object",
}  # fmt: skip


class ConfigError(ValueError):
    """A value that a setting cannot have; the message names the setting, what was expected and what came."""


def to_json(config: typing.Any) -> str:
    """A dataclass as JSON; equal ones give equal text, so that a step with equal settings is found in the cache."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_json(kind: type[Config], text: str, step: str) -> Config:
    """Reads what `to_json` wrote.

    Args:
        text: a JSON object with exactly the fields of `kind`, a dataclass whose fields may be dataclasses too.
        step: the step that is configured, for messages.
    Raises:
        ConfigError: it is not JSON, a field is missing, unknown or of another type, or `kind` refuses a value.
    """
    try:
        value = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The configuration of {step} is {text!r}; expected a JSON object ({error}).") from error
    return convert(value, kind, step)


def convert(value: typing.Any, kind: typing.Any, name: str) -> typing.Any:
    """A value in the type that an annotation names, where that loses nothing; ConfigError, which names it, if not.

    `kind` is `bool`, `int`, `float`, `str`, a dataclass, a tuple, a Mapping, or one of these or None.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for one in kinds:
        if one is typing.Any:
            return value
        container, inner = typing.get_origin(one), typing.get_args(one)
        if dataclasses.is_dataclass(one):
            return _build(value, one, name)
        if container is tuple and isinstance(value, (list, tuple)):
            return tuple(convert(item, inner[0], f"{name}[{place}]") for place, item in enumerate(value))
        if container is Mapping and isinstance(value, Mapping):
            return {key: convert(item, inner[1], f"{name}[{key!r}]") for key, item in value.items()}
        if one is float and type(value) in (int, float) and math.isfinite(value):
            return float(value)
        if one is not float and type(value) is one:
            return value
    expected = " or ".join(_WORDS[typing.get_origin(one) or one] for one in kinds)
    raise ConfigError(f"{name} cannot be {value!r}; expected {expected}.")


def _build(value: typing.Any, kind: typing.Any, name: str) -> typing.Any:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    given = value if isinstance(value, Mapping) else {}
    missing, unknown = [field for field in names if field not in given], sorted(set(given) - set(names))
    if missing or unknown:
        faults = [("lacks", missing), ("has the unknown", unknown)]
        said = " and ".join(f"{fault} {', '.join(fields)}" for fault, fields in faults if fields)
        raise ConfigError(
            f"The configuration of {name} {said}; expected the fields {', '.join(names)}. A pipeline "
            "that another version of TopicLens compiled has to be compiled anew."
        )
    values = {field: convert(given[field], hints[field], f"{name}.{field}") for field in names}
    try:
        return kind(**values)
    except ValueError as error:
        raise ConfigError(f"The configuration of {name} cannot be used: {error}") from error
