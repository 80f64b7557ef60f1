"""Which corrections a model fresh from training is taught."""

import pytest

from components.refinement.ledger import Ledger
from components.refinement.records import CorrectedTopic, Correction
from components.refinement.settings import RefinementSettings
from pipeline.repair.corrections import LEDGER_FILE, to_teach


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    ledger = Ledger.open(tmp_path / LEDGER_FILE)
    ledger.record_version("1", parent=None, by="pipeline")
    return ledger


def proposed(ledger: Ledger, video: str) -> str:
    topic = CorrectedTopic(4, "dance", ("dancing", "dance"))
    return ledger.propose(
        author="Ann", video_id=video, content="5f" * 32, topic=topic, caption_before="a girl", model_before="1"
    ).id


def test_those_that_are_live_or_in_a_candidate_oldest_first(ledger, tmp_path):
    live, candidate, previewed, _ = (proposed(ledger, f"v{number}") for number in range(4))
    for correction in (live, candidate, previewed):
        ledger.transition(correction, "previewed", by="Ann")
    for correction in (live, candidate):
        ledger.transition(correction, "in candidate", by="Ben")
    before = to_teach(str(tmp_path))
    ledger.record_version("2", parent="1", corrections=[live], by="Ben")
    assert [Correction.from_json(row).id for row in to_teach(str(tmp_path))] == [live, candidate]
    assert to_teach(str(tmp_path)) == before, "to go live changes nothing of what is to be taught"


def test_a_root_that_nobody_corrected_gets_no_ledger(tmp_path):
    assert to_teach(str(tmp_path)) == [] and not list(tmp_path.iterdir())


def test_a_ledger_elsewhere_is_read(ledger, tmp_path):
    correction = proposed(ledger, "v1")
    for state in ("previewed", "in candidate"):
        ledger.transition(correction, state, by="Ann")
    found = to_teach("gs://bucket/root", RefinementSettings(ledger=str(tmp_path / LEDGER_FILE)))
    assert [row["video_id"] for row in found] == ["v1"]
