"""What is written as JSON comes back as it was, whatever it is nested in."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from topiclens.schemas.plain import from_plain, time_of, time_text, to_plain


class Colour(enum.StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    pair: tuple[float, float]
    colour: Colour | None = None


@dataclass(frozen=True)
class Outer:
    time: datetime
    many: tuple[Inner, ...] = ()
    one: Inner | None = None
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    free: Mapping[str, str | float | None] = field(default_factory=dict)


MOMENT = datetime(2026, 1, 31, 12, 30, 0, 5, UTC)


@pytest.mark.parametrize(
    "value",
    [
        Outer(MOMENT),
        Outer(MOMENT, (Inner((1.0, 2.0), Colour.RED), Inner((0.5, 0.25))), Inner((3.0, 4.0))),
        Outer(MOMENT, by_name={"a": Inner((1.0, 2.0))}, free={"x": 1.5, "y": "z", "none": None}),
    ],
)
def test_a_dataclass_comes_back_from_json_as_it_was(value):
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value


def test_what_a_dataclass_has_no_field_for_is_left_out_and_what_it_needs_is_asked_for():
    assert from_plain(Inner, {"pair": [1, 2], "later": "unknown"}) == Inner((1, 2))
    with pytest.raises(TypeError, match="pair"):
        from_plain(Inner, {"colour": None})
    with pytest.raises(ValueError, match="blue"):
        from_plain(Inner, {"pair": [1, 2], "colour": "blue"})


def test_moments_are_in_order_as_texts_and_come_back():
    later = datetime(2026, 1, 31, 13, 0, tzinfo=UTC)
    assert time_text(MOMENT) < time_text(later) and time_of(time_text(MOMENT)) == MOMENT
