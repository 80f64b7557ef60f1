"""Corrections on a root, with stand-ins for the model: what goes live, what waits, and what is taken back."""

import shutil
import threading

import pytest

from components.refinement.records import LedgerError, State
from pipeline.repair import corrections, proposals, refinements, versions
from pipeline.repair.candidates import Shelf
from pipeline.repair.exclusion import PASSING, RootBusy, alone
from serving import model_config
from tests.pipeline.repair import bench


@pytest.fixture
def root(tmp_path) -> str:
    """A root that a training pushed a version to."""
    bench.train(tmp_path, "100")
    return str(tmp_path)


@pytest.fixture
def ledger(root):
    return corrections.open_ledger(root)


def propose(root, video="v1") -> str:
    return proposals.propose(root, video, "dance", "Ann", eye=bench.Eye()).correction.id


def refine(root, **options):
    return refinements.refine(root, "Ben", teacher=bench.teach, **options)


def rollback(root, what):
    return refinements.rollback(root, what, "Cleo", teacher=bench.teach)


def teach(root, *videos) -> tuple[str, ...]:
    """Proposes, refines and publishes; returns the corrections' ids, then the version."""
    ids = [propose(root, video) for video in videos]
    refine(root)
    return *ids, refinements.publish(root, "Ben").version


def states(ledger) -> dict[str, str]:
    return {one.id: one.state.value for one in ledger.corrections()}


def pinned(root):
    return model_config.read(Shelf(root).config, "topiclens")


def test_what_training_pushed_is_recorded_and_pinned_when_somebody_first_asks(root, ledger):
    assert corrections.corrections(root) == ()
    (version,) = ledger.versions()
    assert (version.version, version.parent, version.by) == ("100", None, "pipeline")
    assert ledger.served() == version
    assert pinned(root).labels == {"stable": 100}


def test_of_several_trainings_the_newest_is_served_and_the_older_can_be(root, ledger):
    bench.train(root, "200")
    corrections.corrections(root)
    assert ledger.served().version == "200"
    assert rollback(root, "100").served.version == "100"
    assert corrections.corrections(root) == () and ledger.served().version == "100"


def test_a_proposal_is_previewed_with_the_caption_of_its_dose(root):
    correction = proposals.propose(root, "v1", "dance", "Ann", eye=bench.Eye()).correction
    assert correction.state is State.PREVIEWED
    assert (correction.caption_before, correction.caption_after) == ("a girl", "a girl dancing")
    assert (correction.topic.name, correction.model_before) == ("dance", "100")


def test_a_proposal_that_no_strength_brings_in_is_kept_and_taken_into_no_refinement(root, ledger):
    hopeless = propose(root, "hopeless")
    assert states(ledger) == {hopeless: "proposed"}
    with pytest.raises(refinements.NothingToRefine):
        refine(root)
    with pytest.raises(LedgerError, match="it is 'proposed'"):
        refine(root, only=[hopeless])


def test_a_blessed_candidate_waits_until_it_is_published(root, ledger):
    one, two = propose(root), propose(root, "v2")
    candidate = refine(root)
    assert candidate.blessed and candidate.corrections == (one, two)
    assert ledger.served().version == "100"
    assert states(ledger) == {one: "in candidate", two: "in candidate"}
    assert refinements.waiting(root) == candidate
    version = refinements.publish(root, "Cleo")
    assert (version.parent, version.corrections) == ("100", (one, two))
    assert states(ledger) == {one: "live", two: "live"}
    assert ledger.correction(one).caption_after == "a girl dancing"
    assert pinned(root).labels == {"stable": int(version.version), "previous": 100}
    assert refinements.waiting(root) is None
    assert bench.disagreements(root, ledger) == []


def test_a_refused_batch_is_as_before_and_the_rest_of_it_can_be_refined(root, ledger):
    good, bad = propose(root), propose(root, "bad")
    candidate = refine(root)
    assert not candidate.blessed and candidate.verdict["passing"] == [good]
    assert states(ledger) == {good: "previewed", bad: "previewed"}
    with pytest.raises(versions.VersionError, match="was refused, and is not published"):
        refinements.publish(root, "Ben")
    assert refinements.waiting(root).verdict["culprits"] == [bad]
    assert refine(root, only=[good[:8]]).blessed
    assert refinements.publish(root, "Ben").corrections == (good,)
    assert states(ledger) == {good: "live", bad: "previewed"}


def test_what_cannot_be_taught_is_left_out_and_previewed_as_before(root, ledger):
    good, mute = propose(root), propose(root, "mute")
    assert refine(root).corrections == (good,)
    assert states(ledger) == {good: "in candidate", mute: "previewed"}


def test_a_later_refinement_takes_a_candidates_place(root, ledger):
    one = propose(root)
    first = refine(root)
    two = propose(root, "v2")
    second = refine(root, only=[two])
    assert refinements.waiting(root) == second and int(second.version) > int(first.version)
    assert states(ledger) == {one: "previewed", two: "in candidate"}
    with pytest.raises(versions.VersionError, match="has taken its place"):
        refinements.publish(root, "Ben", version=first.version)


def test_the_same_refinement_is_not_done_twice(root):
    propose(root)
    candidate = refine(root)
    assert refinements.refined_already(root) == candidate
    propose(root, "v2")
    assert refinements.refined_already(root) is None
    assert refinements.refined_already(root, only=candidate.corrections) == candidate


def test_an_earlier_version_comes_back_with_its_corrections_and_its_name(root, ledger):
    one, first = teach(root, "v1")
    two, second = teach(root, "v2")
    assert states(ledger) == {one: "live", two: "live"}
    assert rollback(root, first).served.version == first
    assert states(ledger) == {one: "live", two: "revoked"}
    assert pinned(root).specific == (int(first),)  # TensorFlow Serving would take a larger one for the newest
    assert rollback(root, second).served.version == second
    assert states(ledger) == {one: "live", two: "live"}
    assert bench.disagreements(root, ledger) == []


def test_one_correction_is_taken_back_and_those_beside_and_after_it_stay(root, ledger):
    one, two, first = teach(root, "v1", "v2")
    three, second = teach(root, "v3")
    done = rollback(root, one[:10])
    assert done.candidate.parent == "100" and done.candidate.corrections == (two, three)
    assert done.served.version == done.candidate.version
    assert states(ledger) == {one: "revoked", two: "live", three: "live"}
    assert bench.taught_to(Shelf(root).version(done.served.version)) == [two, three]
    assert bench.disagreements(root, ledger) == []


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
        return bench.teach(root, parent, output, [], live)

    done = refinements.rollback(root, one, "Cleo", teacher=forgetful)
    assert done.served.version == first and set(done.candidate.revoked) == {one, two}
    assert states(ledger) == {one: "live", two: "live"}
    assert refinements.waiting(root) is None


def test_a_refused_rollback_changes_nothing(root, ledger):
    one, two, first = teach(root, "v1", "v2")

    def strict(root, parent, output, batch, live, settings, progress):
        verdict = bench.teach(root, parent, output, batch, live)
        return bench.Verdict(False, verdict.taught, verdict.taught)

    done = refinements.rollback(root, one, "Cleo", teacher=strict)
    assert not done.candidate.blessed and done.served.version == first
    assert states(ledger) == {one: "live", two: "live"}
    assert bench.disagreements(root, ledger) == []


def test_a_correction_that_is_not_live_is_withdrawn_and_its_candidate_with_it(root, ledger):
    one, two = propose(root), propose(root, "v2")
    refine(root)
    assert rollback(root, one).withdrawn.state is State.REVOKED
    assert refinements.waiting(root) is None
    assert states(ledger) == {one: "revoked", two: "previewed"}
    with pytest.raises(LedgerError, match="What was revoked stays so"):
        rollback(root, one)


def test_a_training_does_not_take_live_corrections_away_and_learns_them_next(root, ledger):
    one, first = teach(root, "v1")
    newer = str(int(first) + 5)
    bench.train(root, newer)
    two = propose(root, "v2")
    assert ledger.served().version == first and pinned(root).labels["stable"] == int(first)
    candidate = refine(root)
    assert candidate.parent == newer and candidate.corrections == (one, two) and candidate.revoked == ()
    refinements.publish(root, "Ben")
    assert states(ledger) == {one: "live", two: "live"}
    assert [step.version.version for step in ledger.rebuild(ledger.served().version)] == [newer, candidate.version]
    assert bench.disagreements(root, ledger) == []


def test_a_training_can_be_served_without_what_people_corrected(root, ledger):
    one, first = teach(root, "v1")
    newer = str(int(first) + 5)
    bench.train(root, newer)
    assert rollback(root, newer).served.version == newer
    assert states(ledger) == {one: "revoked"}
    assert rollback(root, first).served.version == first
    assert states(ledger) == {one: "live"}
    assert refine(root, only=[propose(root, "v2")]).parent == first  # what was served once does not wait any more


def test_a_training_is_served_at_once_where_nothing_is_live(root, ledger):
    propose(root)
    bench.train(root, "200")
    corrections.corrections(root)
    assert ledger.served().version == "200"


def test_a_run_that_taught_the_live_corrections_itself_is_served_with_them(root, ledger):
    one, two, first = teach(root, "v1", "v2")
    newer = str(int(first) + 5)
    bench.train(root, newer, taught=[one, two])
    corrections.corrections(root)
    assert ledger.served().version == newer
    assert states(ledger) == {one: "live", two: "live"}
    assert bench.disagreements(root, ledger) == []


def test_a_candidate_that_waits_during_a_run_is_refined_again_to_what_the_run_pushed(root, ledger, caplog):
    one, first = teach(root, "v1")
    two = propose(root, "v2")
    outdated = refine(root)
    newer = str(int(outdated.version) + 5)
    bench.train(root, newer, taught=[row["id"] for row in corrections.to_teach(root)])
    assert refinements.waiting(root) is None and f"Candidate {outdated.version} is out of date" in caplog.text
    assert ledger.served().version == newer and states(ledger) == {one: "live", two: "previewed"}
    candidate = refine(root)
    assert (candidate.parent, candidate.corrections) == (newer, (two,))
    refinements.publish(root, "Ben")
    assert states(ledger) == {one: "live", two: "live"} and bench.disagreements(root, ledger) == []


@pytest.mark.parametrize("taught", [[0], []], ids=["one of them", "none of them"])
def test_a_run_that_lacks_what_is_live_waits_and_learns_it_next(root, ledger, caplog, taught):
    """Such as what went live while it ran, or was said of files that are no videos of its dataset."""
    *live, first = teach(root, "v1", "v2")
    newer = str(int(first) + 5)
    bench.train(root, newer, taught=[live[place] for place in taught])
    corrections.corrections(root)
    assert ledger.served().version == first and f"Training pushed version {newer}" in caplog.text
    assert states(ledger) == dict.fromkeys(live, "live")
    lacked = tuple(live[len(taught) :])
    candidate = refine(root)
    assert (candidate.parent, candidate.corrections) == (newer, lacked) and candidate.revoked == ()
    refinements.publish(root, "Ben")
    assert states(ledger) == dict.fromkeys(live, "live") and bench.disagreements(root, ledger) == []
    rest, last = teach(root, "v3")  # and back to what the run left, with what it taught alone
    assert rollback(root, newer).served.version == newer
    assert states(ledger) == dict.fromkeys(live[: len(taught)], "live") | dict.fromkeys([*lacked, rest], "revoked")


def test_a_run_that_taught_what_was_revoked_since_is_not_served(root, ledger):
    one, first = teach(root, "v1")
    rollback(root, one)
    bench.train(root, str(int(first) + 5), taught=[one])
    corrections.corrections(root)
    assert ledger.served().version == "100" and states(ledger) == {one: "revoked"}


def test_the_second_of_two_is_told_who_is_at_work(root):
    propose(root)
    with alone(root, "Ann", "refining"):
        for ask in (lambda: refine(root), lambda: refinements.publish(root, "Ben"), lambda: rollback(root, "100")):
            with pytest.raises(RootBusy, match=r"Ann is refining \(process \d+, since 20"):
                ask()
        propose(root, "v2")  # proposals need no turn
    assert refine(root).blessed


def test_who_is_but_passing_is_waited_for(root):
    propose(root)
    entered, leave = threading.Event(), threading.Event()

    def pass_by():
        with alone(root, "recovery", PASSING):
            entered.set()
            leave.wait()

    passing = threading.Thread(target=pass_by)
    passing.start()
    entered.wait()
    assert corrections.corrections(root)  # waits for nobody
    threading.Timer(0.2, leave.set).start()
    assert refine(root).blessed
    passing.join()


def test_a_version_whose_folder_is_gone_is_not_served(root, ledger):
    _, first = teach(root, "v1")
    folder = Shelf(root).version("100")
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(versions.VersionError, match="folder of version 100 is gone"):
        rollback(root, "100")
    assert ledger.served().version == first


@pytest.mark.parametrize(("what", "said"), [("zz", "No correction has an id"), ("", "No correction has an id")])
def test_what_there_is_not_cannot_be_taken_back(root, what, said):
    with pytest.raises(LedgerError, match=said):
        rollback(root, what)


def test_a_publication_that_was_cut_off_is_finished_and_one_whose_folder_is_gone_is_not(root, ledger):
    shelf = Shelf(root)
    for video, gone in (("v1", False), ("v2", True)):
        one = propose(root, video)
        candidate = refine(root)
        ledger.record_version(candidate.version, parent=candidate.parent, corrections=[one], by="Ben", serve=False)
        if gone:
            shutil.rmtree(candidate.model(shelf))
        corrections.corrections(root)
        assert (ledger.served().version == candidate.version) is not gone
        assert states(ledger)[one] == ("previewed" if gone else "live")
        assert bench.disagreements(root, ledger) == []


def test_an_error_in_the_teaching_leaves_the_batch_previewed(root, ledger):
    one = propose(root)

    def broken(*arguments):
        raise ValueError("the features are gone")

    with pytest.raises(ValueError, match="features are gone"):
        refinements.refine(root, "Ben", teacher=broken)
    corrections.corrections(root)
    assert states(ledger) == {one: "previewed"}
    assert refine(root).blessed


def test_a_root_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="No run was ever started"):
        corrections.corrections(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_of_several_topics_all_are_written_down_or_none(root, ledger):
    class Failing(bench.Eye):
        answers = [bench.Response()]  # and no second one

        def doses(self, video, topic):
            return self.answers.pop()

    with pytest.raises(IndexError):
        proposals.propose_all(root, "v1", ["dance", "dance"], "Ann", eye=Failing())
    assert ledger.corrections() == ()
    assert len(proposals.propose_all(root, "v1", ["dance", "dance"], "Ann", eye=bench.Eye())) == 2
