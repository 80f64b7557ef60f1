"""Which version a root serves: what trainings push beside what people published, and what a crash leaves."""

import shutil

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import look, pinned, propose, refine, rollback, states, teach, waiting
from topiclens.pipeline.repair import corrections, refinements, versions
from topiclens.pipeline.repair.model_store import ModelStore


def test_what_training_pushed_is_recorded_and_pinned_when_somebody_first_asks(root, ledger):
    assert look(root) == ()
    (version,) = ledger.versions()
    assert (version.version, version.parent, version.by) == ("100", None, "pipeline")
    assert ledger.served() == version
    assert pinned(root).labels == {"stable": 100}


def test_of_several_trainings_the_newest_is_served_and_the_older_can_be(root, ledger):
    stand_ins.train(root, "200")
    look(root)
    assert ledger.served().version == "200"
    assert rollback(root, "100").served.version == "100"
    assert look(root) == () and ledger.served().version == "100"


def test_a_training_does_not_take_live_corrections_away_and_learns_them_next(root, ledger):
    one, first = teach(root, "v1")
    newer = str(int(first) + 5)
    stand_ins.train(root, newer)
    two = propose(root, "v2")
    assert ledger.served().version == first and pinned(root).labels["stable"] == int(first)
    candidate = refine(root)
    assert candidate.parent == newer and candidate.corrections == (one, two) and candidate.revoked == ()
    refinements.publish(root, "Ben")
    assert states(ledger) == {one: "live", two: "live"}
    assert [step.version.version for step in ledger.rebuild(ledger.served().version)] == [newer, candidate.version]
    assert stand_ins.disagreements(root, ledger) == []


def test_a_training_can_be_served_without_what_people_corrected(root, ledger):
    one, first = teach(root, "v1")
    newer = str(int(first) + 5)
    stand_ins.train(root, newer)
    assert rollback(root, newer).served.version == newer
    assert states(ledger) == {one: "revoked"}
    assert rollback(root, first).served.version == first
    assert states(ledger) == {one: "live"}
    assert refine(root, only=[propose(root, "v2")]).parent == first  # what was served once does not wait any more


def test_a_training_is_served_at_once_where_nothing_is_live(root, ledger):
    propose(root)
    stand_ins.train(root, "200")
    look(root)
    assert ledger.served().version == "200"


def test_a_run_that_taught_the_live_corrections_itself_is_served_with_them(root, ledger):
    one, two, first = teach(root, "v1", "v2")
    newer = str(int(first) + 5)
    stand_ins.train(root, newer, taught=[one, two])
    look(root)
    assert ledger.served().version == newer
    assert states(ledger) == {one: "live", two: "live"}
    assert stand_ins.disagreements(root, ledger) == []


def test_a_candidate_that_waits_during_a_run_is_refined_again_to_what_the_run_pushed(root, ledger, caplog):
    one, first = teach(root, "v1")
    two = propose(root, "v2")
    outdated = refine(root)
    newer = str(int(outdated.version) + 5)
    stand_ins.train(root, newer, taught=[row["id"] for row in corrections.list_live_corrections(root)])
    assert waiting(root) is None and f"Candidate {outdated.version} is out of date" in caplog.text
    assert ledger.served().version == newer and states(ledger) == {one: "live", two: "previewed"}
    candidate = refine(root)
    assert (candidate.parent, candidate.corrections) == (newer, (two,))
    refinements.publish(root, "Ben")
    assert states(ledger) == {one: "live", two: "live"} and stand_ins.disagreements(root, ledger) == []


@pytest.mark.parametrize("taught", [[0], []], ids=["one of them", "none of them"])
def test_a_run_that_lacks_what_is_live_waits_and_learns_it_next(root, ledger, caplog, taught):
    """Such as what went live while it ran, or was said of files that are no videos of its dataset."""
    *live, first = teach(root, "v1", "v2")
    newer = str(int(first) + 5)
    stand_ins.train(root, newer, taught=[live[place] for place in taught])
    look(root)
    assert ledger.served().version == first and f"Training pushed version {newer}" in caplog.text
    assert states(ledger) == dict.fromkeys(live, "live")
    lacked = tuple(live[len(taught) :])
    candidate = refine(root)
    assert (candidate.parent, candidate.corrections) == (newer, lacked) and candidate.revoked == ()
    refinements.publish(root, "Ben")
    assert states(ledger) == dict.fromkeys(live, "live") and stand_ins.disagreements(root, ledger) == []
    rest, last = teach(root, "v3")  # and back to what the run left, with what it taught alone
    assert rollback(root, newer).served.version == newer
    assert states(ledger) == dict.fromkeys(live[: len(taught)], "live") | dict.fromkeys([*lacked, rest], "revoked")


def test_a_run_that_taught_what_was_revoked_since_is_not_served(root, ledger):
    one, first = teach(root, "v1")
    rollback(root, one)
    stand_ins.train(root, str(int(first) + 5), taught=[one])
    look(root)
    assert ledger.served().version == "100" and states(ledger) == {one: "revoked"}


def test_a_version_whose_folder_is_gone_is_not_served(root, ledger):
    _, first = teach(root, "v1")
    folder = ModelStore(root).version("100")
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(versions.VersionError, match="folder of version 100 is gone"):
        rollback(root, "100")
    assert ledger.served().version == first


def test_a_publication_that_was_cut_off_is_finished_and_one_whose_folder_is_gone_is_not(root, ledger):
    store = ModelStore(root)
    for video, gone in (("v1", False), ("v2", True)):
        one = propose(root, video)
        candidate = refine(root)
        ledger.record_version(candidate.version, parent=candidate.parent, corrections=[one], by="Ben", serve=False)
        if gone:
            shutil.rmtree(candidate.model(store))
        look(root)
        assert (ledger.served().version == candidate.version) is not gone
        assert states(ledger)[one] == ("previewed" if gone else "live")
        assert stand_ins.disagreements(root, ledger) == []
