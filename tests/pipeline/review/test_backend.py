"""What becomes of what people say on the page: on a root without a model, and with jobs that are only noted."""

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import propose, refine
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair.corrections import open_ledger
from topiclens.pipeline.review.backend import RefinementContext, RunReviewBackend
from topiclens.pipeline.review.jobs import Course
from topiclens.serving.review.backend import Refused
from topiclens.serving.review.changes import State


class Noted:
    """Jobs that nobody works on."""

    def __init__(self):
        self.orders = []

    def running(self):
        return None

    def start(self, order):
        self.orders.append(order)
        return str(len(self.orders) - 1)

    def order(self, job_id):
        return self.orders[int(job_id)]

    def course(self, job_id):
        return Course(True, (), None, "")


class Pinned:
    """Answers by what the ledger says is served."""

    def __init__(self, root):
        self._ledger = open_ledger(root)

    def version(self):
        return self._ledger.served().version


@pytest.fixture
def root(tmp_path) -> str:
    stand_ins.train(tmp_path, "100")
    return str(tmp_path)


@pytest.fixture
def backend(root) -> RunReviewBackend:
    return RunReviewBackend(RefinementContext(root, Noted(), (), RefinementSettings()), "run", None, Pinned(root), None)


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
