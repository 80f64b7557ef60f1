"""What was done, as the page tells it."""

import pytest

from topiclens.components.refinement.ledger import Ledger
from topiclens.pipeline.review.telling import list_history
from topiclens.schemas.corrections import CorrectedTopic, State


@pytest.fixture
def ledger(tmp_path):
    """One correction that was published with version 2, and taken back with version 1."""
    ledger = Ledger.open(tmp_path / "corrections.db")
    ledger.record_version("1", parent=None, by="training")
    topic = CorrectedTopic(3, "dance", ("dancing",))
    one = ledger.propose(
        author="Ann", video_id="v1", content="0" * 64, topic=topic, caption_before="a girl", model_before="1"
    )
    ledger.transition(one.id, State.PREVIEWED, by="Ann", caption="a girl dancing")
    ledger.transition(one.id, State.IN_CANDIDATE, by="Ben")
    ledger.transition(one.id, State.PREVIEWED, by="Ben")
    ledger.transition(one.id, State.IN_CANDIDATE, by="Ben")
    ledger.transition(one.id, State.REFUSED, by="Ben")
    ledger.transition(one.id, State.IN_CANDIDATE, by="Ben")
    ledger.record_version("2", parent="1", corrections=[one.id], by="Ben", verdict="# Refinement: blessed\n\n- all")
    ledger.serve("1", by="Cid", revoked=[one.id])
    return ledger


def test_history_tells_who_did_what_newest_first(ledger):
    entries = list_history(ledger)
    assert [entry.time for entry in entries] == sorted((entry.time for entry in entries), reverse=True)
    told = [(entry.by, entry.what) for entry in entries]
    assert told[-1] == ("training", "served version 1")
    assert ("Ann", "said that the caption misses “dance”") in told
    assert ("Ann", "saw the caption with “dance”: “a girl dancing”") in told
    assert told.count(("Ann", "saw the caption with “dance”: “a girl dancing”")) == 1
    assert ("Ben", "left “dance” out of the refinement; it waits for the next one") in told
    assert ("Ben", "refined the model by “dance”, and the gate refused it") in told
    assert ("Ben", "published “dance”") in told and ("Cid", "rolled back to version 1") in told
    assert {entry.video_id for entry in entries if "dance" in entry.what} == {"v1"}
