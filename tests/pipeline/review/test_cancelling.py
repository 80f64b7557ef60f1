"""A refinement that is cancelled or killed leaves everything as it was, says so, and is started again."""

import random
import time
from pathlib import Path

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import propose, refine
from tests.pipeline.review.test_backend import Followed, Pinned
from tests.pipeline.review.test_jobs import kill, until
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair.corrections import open_ledger, open_recovered_ledger
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.review import jobs
from topiclens.pipeline.review.backend import RefinementContext, RunReviewBackend
from topiclens.pipeline.review.jobs import Jobs
from topiclens.schemas.corrections import State
from topiclens.serving.review.backend import NotFound, Refused
from topiclens.serving.review.shown import JobState


@pytest.fixture
def root(tmp_path, monkeypatch) -> str:
    monkeypatch.setattr(jobs, "WORKER", "tests.pipeline.review.teaching")
    stand_ins.train(tmp_path, "100")
    return str(tmp_path)


def opened(root) -> RunReviewBackend:
    context = RefinementContext(root, Jobs(Path(root, "review", "jobs")), (), RefinementSettings())
    return RunReviewBackend(context, "run", None, Pinned(root), Followed(), None)


@pytest.fixture
def backend(root) -> RunReviewBackend:
    return opened(root)


def hold(root, wanted=True):
    Path(root, "hold").touch() if wanted else Path(root, "hold").unlink()


def started(root, backend, corrections=None):
    """A refinement that teaches for ever."""
    hold(root)
    job = backend.start_refinement("Ben", corrections)
    until(lambda: any("Teaching" in line for line in backend.job(job.id).lines))
    return job


def ended(backend, job):
    until(lambda: backend.job(job.id).state is not JobState.RUNNING)
    return backend.job(job.id)


def told(root) -> dict:
    """What the root holds: the ledger, the candidates, the versions, and what a model server follows."""
    store = ModelStore(root)
    folders = [place for place in (store.candidates, store.versions) if place.is_dir()]
    return {
        "states": {one.id: one.state for one in open_ledger(root).corrections()},
        "served": open_ledger(root).served().version,
        "files": sorted(str(path) for folder in folders for path in folder.rglob("*")),
        "pinned": store.config.read_text(),
    }


def test_a_cancelled_refinement_leaves_everything_as_it_was_and_says_who_cancelled_it(root, backend):
    one = propose(root, "v1")
    candidate = refine(root)  # of an earlier refinement, which waits to be published
    propose(root, "v2")
    before = told(root)
    job = started(root, backend)
    running = backend.job(job.id)
    assert 0 < running.share < 1 and running.seconds_left is not None
    cancelled = backend.cancel_job(job.id, "Ann")
    assert (cancelled.state, cancelled.cancelled_by) == (JobState.CANCELLED, "Ann")
    assert told(root) == before
    (entry,) = [entry for entry in backend.history(50) if "cancelled" in entry.what]
    assert (entry.by, entry.what) == ("Ann", f"cancelled a refinement: {job.title}")
    assert backend.cancel_job(job.id, "Cleo").cancelled_by == "Ann"  # a second click, or another person
    assert backend.publish("Ben", candidate.version).version == candidate.version
    assert {shown.id: shown.state for shown in backend.corrections()}[one] is State.LIVE


def test_what_was_cancelled_is_started_again_and_comes_to_its_end(root, backend):
    propose(root, "v1")
    job = started(root, backend)
    backend.cancel_job(job.id, "Ann")
    hold(root, False)
    again = ended(backend, backend.start_refinement("Ben", job.corrections))
    assert again.state is JobState.BLESSED and again.corrections == job.corrections
    backend.publish("Ann", again.candidate)
    told = [(one.id, one.state, one.later != "") for one in backend.jobs(10)]
    assert told == [(again.id, JobState.PUBLISHED, True), (job.id, JobState.CANCELLED, False)]
    assert [one.id for one in backend.jobs(1, 1)] == [job.id]
    assert backend.job(job.id).state is JobState.CANCELLED
    with pytest.raises(Refused, match="ended by itself"):
        backend.cancel_job(again.id, "Ann")
    with pytest.raises(NotFound):
        backend.cancel_job("000099", "Ann")


def test_a_removal_is_cancelled_too(root, backend):
    one = propose(root, "v1")
    propose(root, "v2")
    refine(root)
    backend.publish("Ben")
    before = told(root)
    hold(root)
    job = backend.rollback_correction(one, "Ben")
    until(lambda: any("Teaching" in line for line in backend.job(job.id).lines))
    assert backend.cancel_job(job.id, "Ann").takes_out
    assert told(root) == before and {shown.state for shown in backend.corrections()} == {State.LIVE}


def test_a_killed_worker_is_found_by_another_page_and_its_corrections_are_taught_again(root, backend):
    propose(root, "v1")
    before = told(root)
    job = started(root, backend)
    kill(Path(root, "review", "jobs"))
    later = opened(root)
    assert ended(later, job).state is JobState.BROKEN_OFF
    assert [shown.state for shown in later.corrections()] == [State.PREVIEWED]
    assert told(root) == before
    hold(root, False)
    assert ended(later, later.start_refinement("Ben", job.corrections)).state is JobState.BLESSED
    assert any("had not come to its end" in entry.what for entry in later.history(50))


def test_whoever_is_first_decides_and_both_agree_on_what_came_of_it(root, backend):
    """Cancelled at random moments about its end: cancelled with nothing kept, or ended with all of it."""
    rng, came = random.Random(0), []
    for number in range(4):
        propose(root, f"v{number}")
        before = {**told(root), "files": None}
        job = started(root, backend)
        hold(root, False)
        time.sleep(rng.uniform(0, 0.1))
        try:
            backend.cancel_job(job.id, "Ann")
            assert backend.job(job.id).state is JobState.CANCELLED
            assert {**told(root), "files": None} == before
        except Refused:
            done = ended(backend, job)
            assert done.state is JobState.BLESSED and done.verdict.taught == job.corrections
            backend.publish("Ben", done.candidate)
        came.append(backend.job(job.id).state)
        with open_recovered_ledger(root) as ledger:
            assert stand_ins.disagreements(root, ledger) == []
    assert len(came) == 4
