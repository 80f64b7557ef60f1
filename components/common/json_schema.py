"""Rows of JSON that follow one of our schemas, and what is wrong with those that do not, in words.

jsonschema takes two seconds to load where rfc3987-syntax is installed, so it is loaded when a row is checked.
"""

from __future__ import annotations

import datetime
import functools
import importlib.resources
import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import jsonschema

_SHOWN_CHARACTERS = 80
_KINDS = {
    "string": "text", "array": "a list", "number": "a number", "integer": "a whole number", "object": "an object",
    "boolean": "true or false", "null": "null",
}  # fmt: skip
_LIMITS = {
    "minimum": "at least {}", "maximum": "at most {}", "exclusiveMinimum": "more than {}",
    "minLength": "text that is not empty", "maxLength": "at most {} characters",
    "minItems": "at least {} of them", "maxItems": "at most {} of them", "maxProperties": "at most {} of them",
}  # fmt: skip


@functools.cache
def load_validator(schema: str, definition: str | None = None) -> jsonschema.Draft202012Validator:
    """The validator of ``schemas/<schema>``, or of one of its `$defs`."""
    import jsonschema

    content = json.loads(importlib.resources.files("topiclens.schemas").joinpath(schema).read_text(encoding="utf-8"))
    if definition is not None:
        content = {"$ref": f"#/$defs/{definition}", "$defs": content["$defs"]}
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time", raises=ValueError)(_is_moment)
    return jsonschema.Draft202012Validator(content, format_checker=formats)


def decode_line(line: bytes) -> Any:
    """Reads one line of JSON; ValueError, whose message is a clause, if it is not UTF-8 or not JSON.

    Infinity, NaN and halves of surrogate pairs are refused too.
    """
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
        json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no text
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"not UTF-8 text ({error.reason}). Save the file as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}). The file holds one JSON object a line.") from None
    return row


def find_fault(row: Any, checker: jsonschema.Draft202012Validator) -> str | None:
    """What is wrong with a row: the field, what came and what was expected; None if nothing is."""
    from jsonschema.exceptions import best_match

    found = best_match(checker.iter_errors(row))
    return None if found is None else _explain(found)


def shorten(value: Any) -> str:
    """A value as JSON, not too long for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _is_moment(text: Any) -> bool:
    """Whether a text that looks like a moment is one; ValueError for the 31st of June."""
    return not isinstance(text, str) or bool(datetime.datetime.fromisoformat(text))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text)


def _explain(found: jsonschema.ValidationError) -> str:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".`{part}`" for part in found.absolute_path)
    field = field.removeprefix(".")
    if found.validator in ("required", "additionalProperties"):
        known = ", ".join(f"`{name}`" for name in found.schema["properties"])
        where, whose = (f"{field}: ", "Its") if field else ("", "A row's")
        return f"{where}{found.message}. {whose} fields are {known}."
    if not field and found.validator == "type":
        return f"expected a JSON object, got {shorten(found.instance)}."
    kind, limit = found.validator, found.validator_value
    if kind in _LIMITS:
        expected = _LIMITS[kind].format(limit)
    elif kind == "type":
        expected = " or ".join(_KINDS[one] for one in ([limit] if isinstance(limit, str) else limit))
    elif kind == "enum":
        expected = "one of " + ", ".join(map(repr, limit))
    else:
        expected = shorten(limit) if kind == "const" else found.schema.get("description", found.message)
    return f"{field} is {shorten(found.instance)}; expected {expected.rstrip('.')}."
