"""How a refinement is set, and what of that is told to others."""

import dataclasses
import json

import pytest

from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.settings import Settings
from topiclens.schemas.plain import from_json


def test_settings_come_back_from_json_without_the_place_of_the_ledger():
    settings = RefinementSettings(ledger="postgresql://ann@host/ledger", mu=(2.0,), max_drop={"CIDEr": 0.1})
    text = json.dumps(settings.told())
    assert "ann@host" not in text
    back = from_json(RefinementSettings, json.dumps({**json.loads(text), "ledger": None}), "Refine")
    assert back == dataclasses.replace(settings, ledger=None)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@host/name",
        "postgresql://ann:s3/cr?et@host/name",
        "postgresql://ann@host/name?sslmode=require&password=s3cret",
        "postgresql://host/name?PASSWORD=s3cret",
    ],
)
def test_a_password_is_no_setting_and_the_refusal_does_not_repeat_it(url):
    for refuse in (lambda: RefinementSettings(ledger=url), lambda: Settings().changed([f"refinement.ledger={url}"])):
        with pytest.raises(ValueError, match="PGPASSWORD or ~/.pgpass.*TOPICLENS_LEDGER") as error:
            refuse()
        assert "s3" not in str(error.value) and "et@" not in str(error.value)
    with pytest.raises(ValueError, match="Expected section.name=value, got 'ledger'"):
        Settings().changed([f"ledger={url}"])


@pytest.mark.parametrize("url", ["postgresql://ann@host:5432/name?sslmode=require", "sqlite:///a:b@c.db", "a/b.db"])
def test_a_url_without_a_password_is_taken(url):
    assert RefinementSettings(ledger=url).ledger == url


@pytest.mark.parametrize(
    "change, words",
    [
        ({"strength_factor": 0.9}, "expected 1 or more"),
        ({"mu": ()}, "at least one"),
        ({"mu": (1.0, -1.0)}, "0 or more"),
        ({"max_cost": -0.1}, "a share of 0 or more"),
        ({"max_cost": float("nan")}, "a share of 0 or more"),
        ({"max_drop": {"BLUE": 0.1}}, "'BLUE': 0.1; expected, of BLEU-1"),
        ({"max_slice_drop": {"CIDEr": -0.1}}, "falls of 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        RefinementSettings(**change)
