"""What becomes of what people say on the page: on a root without a model, and with jobs that are only noted."""

import dataclasses

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import propose, refine
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.corrections import open_ledger
from topiclens.pipeline.review.backend import RefinementContext, RunReviewBackend
from topiclens.schemas.corrections import State
from topiclens.schemas.verdicts import Reason
from topiclens.serving.review.backend import Refused
from topiclens.serving.review.shown import JobState, RefinementJob


class Noted:
    """Jobs that nobody works on."""

    def __init__(self):
        self.requests = []

    def running(self):
        return None

    def start(self, request):
        self.requests.append(request)
        return str(len(self.requests) - 1)

    def cancellations(self):
        return []

    def ids(self):
        return list(map(str, range(len(self.requests))))

    def read(self, job_id):
        asked = self.requests[int(job_id)]
        return RefinementJob(job_id, asked.title, JobState.RUNNING, asked.by, asked.time, asked.corrections)


class Pinned:
    """Answers by what the ledger says is served."""

    def __init__(self, root):
        self._ledger = open_ledger(root)

    def version(self):
        return self._ledger.served().version


class Followed:
    """A ranking that notes which version it is told to ask."""

    version = None

    def follow(self, version):
        self.version = version


@pytest.fixture
def root(tmp_path) -> str:
    stand_ins.train(tmp_path, "100")
    return str(tmp_path)


@pytest.fixture
def backend(root) -> RunReviewBackend:
    return RunReviewBackend(
        RefinementContext(root, Noted(), (), RefinementSettings()), "run", None, Pinned(root), Followed(), None
    )


def test_live_corrections_that_a_training_lacks_are_taught_with_those_that_wait(root, backend):
    live = propose(root, "v1")
    refine(root)
    first = backend.publish("Ben").version
    newer = str(int(first) + 5)
    stand_ins.train(root, newer)
    fresh = propose(root, "v2")
    assert {one.id: one.lacking for one in backend.corrections()} == {live: True, fresh: False}
    job = backend.start_refinement("Ben")
    assert set(job.corrections) == {live, fresh} and job.title == f"2 corrections to version {newer}"
    assert backend.start_refinement("Ben", [live]).corrections == (live,)
    refine(root, only=job.corrections)
    backend.publish("Ben")
    assert not any(one.lacking for one in backend.corrections())
    with pytest.raises(Refused, match="only what was previewed"):
        backend.start_refinement("Ben", [live])


def test_a_training_that_waits_for_what_is_live_can_be_served_without_it(root, backend):
    live = propose(root, "v1")
    refine(root)
    newer = str(int(backend.publish("Ben").version) + 5)
    stand_ins.train(root, newer)
    fresh = propose(root, "v2")
    told = {one.version: (one.served, one.waits, one.available) for one in backend.versions()}
    assert told.pop(newer) == (False, True, True) and not any(waits for _, waits, _ in told.values())
    served = backend.rollback_version(newer, "Ben")
    assert served.served and not served.waits
    assert {one.id: one.state for one in backend.corrections()} == {live: State.REVOKED, fresh: State.PREVIEWED}


def test_the_candidate_that_was_looked_at_is_published_and_no_other(root, backend):
    propose(root, "v1")
    looked_at = refine(root)
    propose(root, "v2")
    newer = refine(root)
    with pytest.raises(Refused, match=f"{newer.version} has taken its place"):
        backend.publish("Ann", looked_at.version)
    assert backend.publish("Ann", newer.version).version == newer.version
    assert backend._ranking.version == newer.version, "its captions are asked for at once"


def test_versions_tell_what_is_in_them_and_which_answers(root, backend):
    correction = propose(root, "v1")
    refine(root)
    refined = backend.publish("Ben").version
    newest, oldest = backend.versions()
    assert (newest.version, newest.parent, newest.served, newest.available) == (refined, "100", True, True)
    assert newest.carried == newest.corrections == (correction,) and newest.verdict.startswith("# Refinement: blessed")
    assert (oldest.version, oldest.served, oldest.available, oldest.carried) == ("100", False, True, ())


def test_a_withdrawal_is_undone_and_told(root, backend):
    said = propose(root, "v1")
    before = backend.corrections()[0].state
    backend.withdraw(said, "Cleo")
    entry = backend.history(1)[0]
    assert (entry.undo, entry.what) == (said, "took back “dance”")
    assert backend.restore(said, "Ann").state is before is State.PREVIEWED
    assert [entry.undo for entry in backend.history(10)] == [None] * len(backend.history(10))
    assert (backend.history(1)[0].by, backend.history(1)[0].what) == (
        "Ann",
        "put back “dance”, which had been taken back",
    )
    with pytest.raises(Refused, match="cannot become"):
        backend.restore(said, "Ann")


def test_nobody_agrees_with_themselves_or_with_what_is_taken_back(root, backend):
    said = propose(root, "v1")
    author = backend.corrections()[0].author
    with pytest.raises(Refused, match="the correction is your own"):
        backend.agree(said, author)
    backend.withdraw(said, "Cleo")
    with pytest.raises(Refused, match="the correction is taken back"):
        backend.agree(said, "Cleo")


def test_a_correction_is_the_ledger_s_with_what_the_page_adds(root, backend):
    correction_id = propose(root, "v1")
    (shown,) = backend.corrections()
    recorded = open_ledger(root).correction(correction_id)
    assert shown.to_json() == {**recorded.to_json(), "note": "", "next_step": "", "lacking": False}
    assert shown.history == recorded.history
    assert backend.withdraw(correction_id, "Cleo").state is State.REVOKED


def test_what_was_refused_says_why_and_is_taught_again_only_where_it_is_named(root, backend):
    """Whoever refined: here, nobody did by a job of the page."""
    bad, mute, fine = propose(root, "bad"), propose(root, "mute"), propose(root, "v1")
    refine(root)
    told = {shown.id: (shown.state, shown.note) for shown in backend.corrections()}
    words = "It has no further word of dance: not met."
    assert told[bad] == (State.REFUSED, words) and told[mute] == (State.REFUSED, "No strength brings it in.")
    assert told[fine] == (State.PREVIEWED, "")
    refine(root, only=[fine])
    steps = {shown.id: shown.next_step for shown in backend.corrections()}
    assert {shown.id: shown.note for shown in backend.corrections()}[bad] == words, "though another candidate came"
    assert "from which second" in steps[bad] and "another topic" in steps[mute] and steps[fine] == ""
    assert backend.start_refinement("Ben", [bad]).corrections == (bad,)
    assert backend.start_refinement("Ben").corrections == (fine,)


def test_a_refused_batch_without_a_culprit_is_refused_by_what_holds_for_all(root, backend):
    one, two = propose(root, "v1"), propose(root, "v2")
    unmet = Reason("metric", False, "CIDEr falls too far: not met."), Reason("kept", False, "It loses man.", one)

    def strict(root, parent, output, batch, live, settings, progress):
        verdict = stand_ins.teach(root, parent, output, batch, live)
        return dataclasses.replace(verdict, blessed=False, culprits=verdict.taught, reasons=unmet)

    refinements.refine(root, "Ben", teacher=strict)
    notes = {shown.id: (shown.note, shown.next_step) for shown in backend.corrections()}
    assert notes[one][0] == "It loses man." and "lose words that are right" in notes[one][1]
    assert notes[two][0] == "CIDEr falls too far: not met." and "more such clips" in notes[two][1]
