"""Corrections on a root, with stand-ins for the model: what goes live, what waits, and what is taken back."""

from dataclasses import replace

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import look, pinned, propose, refine, rollback, states, teach, waiting
from topiclens.components.refinement.rules import LedgerError
from topiclens.pipeline.repair import refinements, versions
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.schemas.corrections import State


def test_a_blessed_candidate_waits_until_it_is_published(root, ledger):
    one, two = propose(root), propose(root, "v2")
    candidate = refine(root)
    assert candidate.blessed and candidate.corrections == (one, two)
    assert ledger.served().version == "100"
    assert states(ledger) == {one: "in candidate", two: "in candidate"}
    assert waiting(root) == candidate
    version = refinements.publish(root, "Cleo")
    assert (version.parent, version.corrections) == ("100", (one, two))
    assert states(ledger) == {one: "live", two: "live"}
    assert ledger.correction(one).caption_after == "a girl dancing"
    assert pinned(root).labels == {"stable": int(version.version), "previous": 100}
    assert waiting(root) is None
    assert stand_ins.disagreements(root, ledger) == []


def test_of_a_refused_batch_the_culprit_is_refused_and_the_rest_of_it_can_be_refined(root, ledger):
    good, bad = propose(root), propose(root, "bad")
    candidate = refine(root)
    assert not candidate.blessed and candidate.verdict.passing == (good,)
    assert states(ledger) == {good: "previewed", bad: "refused"}
    with pytest.raises(versions.VersionError, match="was refused, and is not published"):
        refinements.publish(root, "Ben")
    assert waiting(root).verdict.culprits == (bad,)
    assert refine(root, only=[good[:8]]).blessed
    assert refinements.publish(root, "Ben").corrections == (good,)
    assert states(ledger) == {good: "live", bad: "refused"}


def test_what_was_refused_is_taught_again_only_where_it_is_named(root, ledger):
    bad = propose(root, "bad")
    assert not refine(root).blessed and states(ledger) == {bad: "refused"}
    with pytest.raises(refinements.NothingToRefine, match="refine --only ID"):
        refine(root)
    assert refine(root, only=[bad]).verdict.taught == (bad,)
    history = [event.state.value for event in ledger.correction(bad).history]
    assert history == ["proposed", "previewed", "in candidate", "refused", "in candidate", "refused"]
    assert stand_ins.disagreements(root, ledger) == []


def test_what_cannot_be_taught_is_left_out_and_refused(root, ledger):
    good, mute = propose(root), propose(root, "mute")
    assert refine(root).corrections == (good,)
    assert states(ledger) == {good: "in candidate", mute: "refused"}


def test_a_later_refinement_takes_a_candidates_place(root, ledger):
    one = propose(root)
    first = refine(root)
    two = propose(root, "v2")
    second = refine(root, only=[two])
    assert waiting(root) == second and int(second.version) > int(first.version)
    assert states(ledger) == {one: "previewed", two: "in candidate"}
    with pytest.raises(versions.VersionError, match="has taken its place"):
        refinements.publish(root, "Ben", version=first.version)


def test_the_same_refinement_is_not_done_twice(root):
    propose(root)
    candidate = refine(root)
    assert refinements.find_refined(root) == candidate
    propose(root, "v2")
    assert refinements.find_refined(root) is None
    assert refinements.find_refined(root, only=candidate.corrections) == candidate


def test_an_earlier_version_comes_back_with_its_corrections_and_its_name(root, ledger):
    one, first = teach(root, "v1")
    two, second = teach(root, "v2")
    assert states(ledger) == {one: "live", two: "live"}
    assert rollback(root, first).served.version == first
    assert states(ledger) == {one: "live", two: "revoked"}
    assert pinned(root).specific == (int(first),)  # TensorFlow Serving would take a larger one for the newest
    assert rollback(root, second).served.version == second
    assert states(ledger) == {one: "live", two: "live"}
    assert stand_ins.disagreements(root, ledger) == []


def test_one_correction_is_taken_back_and_those_beside_and_after_it_stay(root, ledger):
    one, two, first = teach(root, "v1", "v2")
    three, second = teach(root, "v3")
    done = rollback(root, one[:10])
    assert done.candidate.parent == "100" and done.candidate.corrections == (two, three)
    assert done.served.version == done.candidate.version
    assert states(ledger) == {one: "revoked", two: "live", three: "live"}
    assert stand_ins.taught_to(ModelStore(root).version(done.served.version)) == [two, three]
    assert stand_ins.disagreements(root, ledger) == []


def test_the_last_correction_of_a_version_is_taken_back_by_serving_its_parent(root, ledger):
    one, first = teach(root, "v1")
    two, _ = teach(root, "v2")
    done = rollback(root, two)
    assert done.candidate is None and done.served.version == first
    assert rollback(root, one).served.version == "100"
    assert states(ledger) == {one: "revoked", two: "revoked"}


def test_a_rollback_that_would_lose_another_correction_changes_nothing(root, ledger):
    one, two, first = teach(root, "v1", "v2")

    def forgetful(root, parent, output, batch, live, settings, progress):
        return stand_ins.teach(root, parent, output, [], live)

    done = refinements.rollback(root, one, "Cleo", teacher=forgetful)
    assert done.served.version == first and set(done.candidate.revoked) == {one, two}
    assert states(ledger) == {one: "live", two: "live"}
    assert waiting(root) is None


def test_a_refused_rollback_changes_nothing(root, ledger):
    one, two, first = teach(root, "v1", "v2")

    def strict(root, parent, output, batch, live, settings, progress):
        verdict = stand_ins.teach(root, parent, output, batch, live)
        return replace(verdict, blessed=False, culprits=verdict.taught)

    done = refinements.rollback(root, one, "Cleo", teacher=strict)
    assert not done.candidate.blessed and done.served.version == first
    assert states(ledger) == {one: "live", two: "live"}
    assert stand_ins.disagreements(root, ledger) == []


def test_a_correction_that_is_not_live_is_withdrawn_and_its_candidate_with_it(root, ledger):
    one, two = propose(root), propose(root, "v2")
    refine(root)
    assert rollback(root, one).withdrawn.state is State.REVOKED
    assert waiting(root) is None
    assert states(ledger) == {one: "revoked", two: "previewed"}
    with pytest.raises(LedgerError, match="its withdrawal can be undone"):
        rollback(root, one)


@pytest.mark.parametrize(("what", "said"), [("zz", "No correction has an id"), ("", "No correction has an id")])
def test_what_there_is_not_cannot_be_taken_back(root, what, said):
    with pytest.raises(LedgerError, match=said):
        rollback(root, what)


def test_an_error_in_the_teaching_leaves_the_batch_previewed(root, ledger):
    one = propose(root)

    def broken(*arguments):
        raise ValueError("the features are gone")

    with pytest.raises(ValueError, match="features are gone"):
        refinements.refine(root, "Ben", teacher=broken)
    look(root)
    assert states(ledger) == {one: "previewed"}
    assert refine(root).blessed
