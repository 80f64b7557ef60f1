"""Settings cross from the pipeline to a step as JSON, and are checked at its door."""

import dataclasses
import json
from collections.abc import Mapping

import pytest

from topiclens.schemas.plain import ConfigError, from_json, to_json


@dataclasses.dataclass(frozen=True)
class Inner:
    share: float = 0.5
    words: tuple[str, ...] = ()

    def __post_init__(self):
        if self.share > 1:
            raise ValueError(f"share is {self.share}; expected 1 at most.")


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner
    count: int
    on: bool
    name: str | None
    drops: Mapping[str, float]


WHOLE = Outer(Inner(0.25, ("a", "b")), 3, True, None, {"CIDEr": 0.1})
FIELDS = {"inner": {"share": 1, "words": []}, "count": 1, "on": False, "name": "x", "drops": {}}


def test_what_was_written_is_read_again_in_its_own_types():
    again = from_json(Outer, to_json(WHOLE), "Step")
    assert again == WHOLE and isinstance(again.inner.words, tuple)
    assert type(from_json(Outer, to_json(dataclasses.replace(WHOLE, inner=Inner(1))), "Step").inner.share) is float


def test_equal_settings_give_equal_text_whatever_the_order_of_their_entries():
    one, other = ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    assert to_json(dataclasses.replace(WHOLE, drops=one)) == to_json(dataclasses.replace(WHOLE, drops=other))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"count": "3"}, r"Step\.count cannot be '3'; expected a whole number"),
        ({"count": 3.0}, r"Step\.count cannot be 3\.0"),
        ({"count": True}, r"Step\.count cannot be True"),
        ({"on": 1}, r"Step\.on cannot be 1; expected true or false"),
        ({"name": 4}, r"Step\.name cannot be 4; expected text or null"),
        ({"drops": {"CIDEr": None}}, r"Step\.drops\['CIDEr'\] cannot be None; expected a number"),
        ({"inner": {"share": 0.5, "words": ["a", 2]}}, r"Step\.inner\.words\[1\] cannot be 2; expected text"),
        ({"inner": {"share": float("nan"), "words": []}}, r"Step\.inner\.share cannot be nan"),
        ({"inner": {"share": 2.0, "words": []}}, r"Step\.inner cannot be used: share is 2\.0; expected 1 at most"),
        ({"inner": {"share": 0.5}}, r"Step\.inner lacks words; expected the fields share, words"),
        ({"inner": [1]}, r"Step\.inner lacks share, words"),
        ({"counts": 3}, r"Step has the unknown counts; expected the fields inner, count, on, name, drops"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_what_was_expected(changes, said):
    with pytest.raises(ConfigError, match=said):
        from_json(Outer, json.dumps({**FIELDS, **changes}), "Step")


@pytest.mark.parametrize("text", ["", "{", "not json"])
def test_what_is_no_json_is_told(text):
    with pytest.raises(ConfigError, match="The configuration of Step is .*; expected a JSON object"):
        from_json(Outer, text, "Step")
