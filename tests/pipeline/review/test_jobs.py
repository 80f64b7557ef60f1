"""A job runs in a process of its own, and whoever looks finds it, whatever became of who started it."""

import fcntl
import os
import signal
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from topiclens.pipeline.repair.model_store import CandidateVersion
from topiclens.pipeline.repair.refinements import Rollback
from topiclens.pipeline.review import jobs
from topiclens.pipeline.review.job_folder import JobRequest
from topiclens.pipeline.review.job_progress import STAGES
from topiclens.pipeline.review.jobs import JobReporter, Jobs, _verdict_of_rollback
from topiclens.schemas.corrections import Version, now
from topiclens.schemas.plain import to_plain
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.serving.review.shown import JobState

SECONDS = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "WORKER", "tests.pipeline.review.working")
    return tmp_path / "jobs"


def request(title="refine", **changes):
    return JobRequest("/srv/run", title, "Ann", now(), ("a" * 32,), **changes)


def until(look):
    """Waits for something to be so."""
    end = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_job_tells_its_steps_and_its_outcome(folder):
    there = Jobs(folder)
    assert there.ids() == [] and there.running() is None
    job_id = there.start(request(changes=("refinement.max_cost=0.1",)))
    assert there.running() in (job_id, None)
    until(lambda: there.running() is None)
    done = there.read(job_id)
    assert done.lines == ("Reading", "Learning (50%)") and done.share == 1.0
    assert (done.state, done.candidate, done.error) == (JobState.BLESSED, "7", "")
    assert (done.by, done.corrections) == ("Ann", ("a" * 32,))
    asked = JobRequest.load(folder / job_id)
    assert (asked.by, asked.corrections, asked.changes) == ("Ann", ("a" * 32,), ("refinement.max_cost=0.1",))


def test_steps_are_read_whole_whatever_they_say_and_without_the_one_that_is_being_written(tmp_path):
    place = tmp_path / "000001"
    place.mkdir()
    request().save(place)
    report = jobs.JobReporter(place)
    for share in (0.25, 0.5):
        report.progress("a\u2028dog\x85runs\r", share)
    with open(place / "progress.jsonl", "a") as file:
        file.write('{"what": "half')
    assert Jobs(tmp_path).read("000001").lines == ("a\u2028dog\x85runs\r (50%)",)


def test_another_page_finds_the_job_that_runs_and_sees_it_end(folder):
    job_id = Jobs(folder).start(request("wait"))
    later = Jobs(folder)
    until(lambda: len(later.read(job_id).lines) == 2)
    assert later.running() == job_id and later.read(job_id).state is JobState.RUNNING
    kill(folder)
    until(lambda: later.running() is None)
    job = later.read(job_id)
    assert job.state is JobState.BROKEN_OFF and (job.error, job.cancelled_by) == ("", "")


def test_a_job_that_fails_says_why(folder):
    there = Jobs(folder)
    job_id = there.start(request("fail"))
    until(lambda: there.running() is None)
    job = there.read(job_id)
    assert (job.state, job.error, job.candidate) == (JobState.FAILED, "There is no memory left.", None)


def test_jobs_are_numbered_in_order_and_half_made_ones_are_passed_over(folder):
    there = Jobs(folder)
    first = there.start(request())
    (folder / "000002").mkdir()  # whoever made it was killed at once
    second = there.start(request())
    assert there.ids() == [first, second] == ["000001", "000003"]
    until(lambda: there.running() is None)
    with pytest.raises(KeyError):
        there.read("000002")
    with pytest.raises(KeyError):
        there.read("../000001")


def left(folder, running=False, steps=(), **outcome):
    """A job as its worker leaves it, or as it is while the worker works."""
    place = folder / "000001"
    place.mkdir(parents=True, exist_ok=True)
    request().save(place)
    reporter = JobReporter(place)
    for step in steps:
        reporter.progress(*step)
    if outcome:
        reporter.done(outcome)
    with open(place / "lock", "w") as lock:
        if running:
            fcntl.flock(lock, fcntl.LOCK_EX)
        return Jobs(folder).read("000001")


VERDICT = Verdict(
    True, (Reason("corrected", True, "It says man.", "a"),), captions={"a": "a man"}, metrics={"CIDEr": (0.4, 0.5)},
    taught=("a",), mu=0.1,
)  # fmt: skip


@pytest.mark.parametrize(
    "outcome, state",
    [
        ({"running": True}, JobState.RUNNING),
        ({"candidate": "2", "verdict": to_plain(VERDICT)}, JobState.BLESSED),
        ({"candidate": "2", "verdict": to_plain(replace(VERDICT, blessed=False))}, JobState.REFUSED),
        ({"error": "There is no memory left."}, JobState.FAILED),
    ],
)
def test_a_job_is_as_far_as_its_worker_left_it(folder, outcome, state):
    assert left(folder, **outcome).state is state


def test_a_job_has_the_gates_own_verdict_and_what_a_publication_takes_back(folder):
    job = left(folder, candidate="2", verdict=to_plain(VERDICT), revoked=["b"])
    assert job.verdict == VERDICT and job.takes_back == ("b",)


def test_a_line_keeps_the_largest_share_though_the_work_begins_again(folder):
    job = left(folder, running=True, steps=[("Teaching", 0.2), ("Teaching", 0.9), ("Teaching", 0.1)])
    assert job.lines == ("Teaching (90%)",) and 0 <= job.share < 1


def test_time_is_guessed_by_the_jobs_before(folder):
    def seconds(job_id, duration):
        """A job that loaded for so long; with no duration, one that loads still."""
        place = folder / job_id
        place.mkdir(parents=True)
        began = now() - timedelta(seconds=duration or 0)
        replace(request(), time=began).save(place)
        JobReporter(place).progress("Loading the model", 0.0)
        (place / "lock").touch()
        if duration:
            JobReporter(place).done({"candidate": "2", "verdict": to_plain(VERDICT)})
        return place

    for number, duration in enumerate((400, 400, 4000), start=1):
        seconds(f"{number:06d}", duration)
    with open(seconds("000004", None) / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job = Jobs(folder).read("000004")
    pace = 400 / STAGES[0].seconds
    assert job.seconds_left == pytest.approx(pace * sum(stage.seconds for stage in STAGES), rel=0.05)


def test_a_model_without_a_correction_that_is_not_published_says_why():
    candidate = CandidateVersion("3", "1", (), ("a", "b", "c"), "Ann", VERDICT)
    verdict = _verdict_of_rollback(Rollback(Version("2", "1", (), now(), "Ann", ""), candidate=candidate))
    assert not verdict.blessed
    assert "Without it 2 other live corrections could not be taught again." in verdict.reasons[-1].words


def kill(folder):
    """Kills the worker, which alone has the lock of its job open."""
    (lock,) = folder.glob("*/lock")
    for process in filter(str.isdecimal, os.listdir("/proc")):
        if process != str(os.getpid()) and has_open(process, lock):
            os.kill(int(process), signal.SIGKILL)


def has_open(process, path):
    try:
        held = [os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
    except OSError:  # ended, or somebody else's
        return False
    return str(path) in held
