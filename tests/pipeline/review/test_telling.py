"""What became of a refinement later, told by the ledger of a root without a model."""

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import propose, refine, rollback, teach
from topiclens.components.refinement import gate
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.corrections import open_recovered_ledger
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.review.telling import list_history, tell_later
from topiclens.schemas.corrections import State, now
from topiclens.serving.review.shown import JobState, RefinementJob
from topiclens.serving.review.text import next_step


@pytest.fixture
def root(tmp_path) -> str:
    stand_ins.train(tmp_path, "100")
    return str(tmp_path)


def later(root, candidate, **job):
    """A job whose candidate the gate blessed, as it is told now."""
    with open_recovered_ledger(root) as ledger:
        waiting = {one.version for one in ModelStore(root).read()}
        told = RefinementJob("1", "1 correction", JobState.BLESSED, "Ben", now(), candidate=candidate, **job)
        told = tell_later(told, ledger, waiting)
        carries = bool(candidate) and candidate in [s.version.version for s in ledger.rebuild(ledger.served().version)]
    assert (told.state is JobState.PUBLISHED) == carries or candidate is None  # told otherwise: what is served has it
    return told.state, told.later


def test_a_candidate_waits_is_published_and_refined_further(root):
    propose(root, "v1")
    first = refine(root).version
    assert later(root, first) == (JobState.BLESSED, "")
    refinements.publish(root, "Ann")
    state, told = later(root, first)
    assert state is JobState.PUBLISHED and told.startswith("Ann published it, ") and told.endswith("it answers now.")
    _, second = teach(root, "v2")
    state, told = later(root, first)
    assert state is JobState.PUBLISHED and told.endswith(f"version {second}, which was made from it, answers now.")


def test_a_published_one_is_rolled_back_and_comes_again(root):
    _, first = teach(root, "v1")
    _, second = teach(root, "v2")
    rollback(root, "100")
    for version in (first, second):
        state, told = later(root, version)
        assert state is JobState.ROLLED_BACK and "It was rolled back to version 100 by Cleo, " in told
    rollback(root, first)
    assert later(root, first)[0] is JobState.PUBLISHED and later(root, second)[0] is JobState.ROLLED_BACK
    assert "rolled back to version 100 by Cleo, " in later(root, second)[1], "that took it away, and nothing since"


def test_a_version_that_is_made_without_it_takes_its_place(root):
    one, _, first = teach(root, "v1", "v2")
    served = rollback(root, one).served.version
    state, told = later(root, first)
    assert state is JobState.ROLLED_BACK and f"Version {served} was made without it, and published by Cleo" in told


def test_a_later_refinement_overtakes_one_that_was_never_published(root):
    one = propose(root, "v1")
    first = refine(root).version
    propose(root, "v2")
    refine(root)
    assert later(root, first)[0] is JobState.SUPERSEDED and "never published" in later(root, first)[1]
    rollback(root, one)
    assert later(root, first)[0] is JobState.SUPERSEDED


def test_a_new_training_overtakes_what_was_published(root):
    one, first = teach(root, "v1")
    newer = str(int(first) + 5)
    stand_ins.train(root, newer, taught=[one])
    state, told = later(root, first)
    assert state is JobState.SUPERSEDED and f"Version {newer}, of a new training, took its place" in told


def test_a_removal_that_needed_no_new_model_is_published(root):
    one, _ = teach(root, "v1")
    rollback(root, one)
    assert later(root, None, takes_out=True)[0] is JobState.PUBLISHED


def test_history_says_of_every_state_what_it_is_and_never_that_a_refusal_was_seen(root):
    bad, good = propose(root, "bad"), propose(root, "v1")
    refine(root)
    refine(root, only=[good])
    refinements.publish(root, "Ann")
    rollback(root, good)
    with open_recovered_ledger(root) as ledger:
        states = {event.state for one in ledger.corrections() for event in one.history}
        told = [(entry.time, entry.what) for entry in list_history(ledger) if entry.video_id]
        events = [(event.time, event.state) for one in ledger.corrections() for event in one.history]
    assert states == set(State)
    words = {
        State.PROPOSED: "said that", State.PREVIEWED: "saw the caption", State.IN_CANDIDATE: "into a refinement",
        State.REFUSED: "the gate refused it", State.LIVE: "published", State.REVOKED: "took back",
    }  # fmt: skip
    for time, state in events:
        said = [what for when, what in told if when == time]
        wanted = ("out of the refinement", words[state]) if state is State.PREVIEWED else (words[state],)
        assert any(word in what for what in said for word in wanted), (state, said)
    assert bad


def test_every_check_of_the_gate_has_a_next_step_of_its_own():
    checks = gate.CORRECTED, gate.KEPT, gate.HALF, gate.LIVE, gate.FINE, gate.METRIC, gate.NEURONS, "teachable"
    steps = {next_step(check, False) for check in checks}
    assert len(steps) == len(checks) and next_step("unheard of", False) not in steps
