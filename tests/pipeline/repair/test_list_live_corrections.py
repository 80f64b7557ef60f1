"""Which corrections a model fresh from training is taught, and which captions it is trained on."""

import pytest

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair.corrections import LEDGER_FILE, list_live_corrections, list_written_captions
from topiclens.schemas.corrections import CorrectedTopic, Correction
from topiclens.schemas.plain import from_plain


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


def published(ledger: Ledger, version: str, parent: str, *corrections: str) -> None:
    for correction in corrections:
        for state in ("previewed", "in candidate"):
            ledger.transition(correction, state, by="Ann")
    ledger.record_version(version, parent=parent, corrections=corrections, by="Ben")


def ids(root) -> list[str]:
    return [from_plain(Correction, row).id for row in list_live_corrections(str(root))]


def test_those_that_are_live_oldest_first_and_none_that_nobody_published(ledger, tmp_path):
    one, two, candidate, previewed, _ = (proposed(ledger, f"v{number}") for number in range(5))
    published(ledger, "2", "1", two)
    published(ledger, "3", "2", one)
    for correction in (candidate, previewed):
        ledger.transition(correction, "previewed", by="Ann")
    before = list_live_corrections(str(tmp_path))
    ledger.transition(candidate, "in candidate", by="Ben")
    assert ids(tmp_path) == [one, two]
    assert list_live_corrections(str(tmp_path)) == before, "a candidate that waits changes nothing of this"


def test_what_was_taken_back_is_not_taught(ledger, tmp_path):
    one, two = proposed(ledger, "v1"), proposed(ledger, "v2")
    published(ledger, "2", "1", one)
    published(ledger, "3", "2", two)
    ledger.serve("2", by="Cleo", revoked=[two])
    assert ids(tmp_path) == [one]


def test_a_root_that_nobody_corrected_gets_no_ledger(tmp_path):
    assert list_live_corrections(str(tmp_path)) == [] and not list(tmp_path.iterdir())


def test_a_ledger_elsewhere_is_read(ledger, tmp_path):
    published(ledger, "2", "1", proposed(ledger, "v1"))
    found = list_live_corrections("gs://bucket/root", RefinementSettings(ledger=str(tmp_path / LEDGER_FILE)))
    assert [row["video_id"] for row in found] == ["v1"]


def test_a_training_learns_from_each_person_s_last_word_about_a_training_clip(ledger, tmp_path):
    def write(text, by="Ann", video_id="v1", version="1", split="train"):
        told = {"content": "5f" * 32, "split": split, "text": text}
        return ledger.write_caption(by=by, video_id=video_id, version=version, **told).key

    write("a dog")
    write("a held-out dog", video_id="v2", split="test")
    later = write("a brown dog", version="2")
    write("a cat", by="Ben", video_id="v0")
    gone = write("a cow", by="Cem")
    ledger.withdraw_caption(gone, by="Ann")

    def texts():
        return [(one["video_id"], one["text"]) for one in list_written_captions(str(tmp_path))]

    assert texts() == [("v0", "a cat"), ("v1", "a brown dog")]
    before = list_written_captions(str(tmp_path))
    write("a cat", by="Dia", video_id="v0")
    assert list_written_captions(str(tmp_path)) == before, "what two people wrote alike is one caption"
    ledger.withdraw_caption(later, by="Ann")
    assert texts() == [("v0", "a cat"), ("v1", "a dog")]
