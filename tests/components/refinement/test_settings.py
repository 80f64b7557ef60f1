"""How a refinement is set, and what of that is told to others."""

import json

import pytest

from topiclens.components.refinement.settings import RefinementSettings


def test_settings_come_back_from_json_without_the_place_of_the_ledger():
    settings = RefinementSettings(ledger="postgresql://ann:secret@host/ledger", mu=(2.0,), max_drop={"CIDEr": 0.1})
    text = json.dumps(settings.told())
    assert "secret" not in text
    back = RefinementSettings.of({**json.loads(text), "corrections": []})
    assert back.ledger is None and (back.mu, back.max_drop) == ((2.0,), {"CIDEr": 0.1})


@pytest.mark.parametrize(
    "change, words",
    [
        ({"strength_factor": 0.9}, "expected 1 or more"),
        ({"mu": ()}, "at least one"),
        ({"mu": (1.0, -1.0)}, "0 or more"),
        ({"min_votes": 0}, "expected 1 or more"),
        ({"max_cost": -0.1}, "a share of 0 or more"),
        ({"max_cost": float("nan")}, "a share of 0 or more"),
        ({"max_drop": {"BLUE": 0.1}}, "'BLUE': 0.1; expected, of BLEU-1"),
        ({"max_slice_drop": {"CIDEr": -0.1}}, "falls of 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        RefinementSettings(**change)
