"""A job runs in a process of its own, and whoever looks finds it, whatever became of who started it."""

import os
import signal
import time

import pytest

from topiclens.components.refinement.records import now
from topiclens.pipeline.review import jobs
from topiclens.pipeline.review.jobs import Jobs, Order
from topiclens.schemas.files import write_json

SECONDS = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "WORKER", "tests.pipeline.review.working")
    return tmp_path / "jobs"


def order(title="refine", **changes):
    return Order("runs/x", title, "Ann", now(), ("a" * 32,), **changes)


def until(look):
    """Waits for something to be so."""
    end = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_job_tells_its_steps_and_its_outcome(folder):
    there = Jobs(folder)
    assert there.ids() == [] and there.running() is None
    job_id = there.start(order(changes=("refinement.steps=3",)))
    assert there.running() in (job_id, None)
    until(lambda: there.running() is None)
    course = there.course(job_id)
    assert course.steps == (("Reading", 1.0), ("Learning", 0.5))
    assert course.outcome == {"candidate": "7"} and not course.error and not course.running
    asked = there.order(job_id)
    assert (asked.by, asked.corrections, asked.changes) == ("Ann", ("a" * 32,), ("refinement.steps=3",))


def test_steps_are_read_whole_whatever_they_say_and_without_the_one_that_is_being_written(tmp_path):
    place = tmp_path / "000001"
    write_json(place / "job.json", order().to_json())
    report = jobs.JobReporter(place)
    for share in (0.25, 0.5):
        report.progress("a\u2028dog\x85runs\r", share)
    with open(place / "progress.jsonl", "a") as file:
        file.write('{"what": "half')
    assert Jobs(tmp_path).course("000001").steps == (("a\u2028dog\x85runs\r", 0.5),)


def test_another_page_finds_the_job_that_runs_and_sees_it_end(folder):
    job_id = Jobs(folder).start(order("wait"))
    later = Jobs(folder)
    until(lambda: len(later.course(job_id).steps) == 2)
    assert later.running() == job_id and later.course(job_id).running
    kill(folder)
    until(lambda: later.running() is None)
    course = later.course(job_id)
    assert course.outcome is None and "broken off" in course.error


def test_a_job_that_fails_says_why(folder):
    there = Jobs(folder)
    job_id = there.start(order("fail"))
    until(lambda: there.running() is None)
    assert there.course(job_id).error == "There is no memory left." and there.course(job_id).outcome is None


def test_jobs_are_numbered_in_order_and_half_made_ones_are_passed_over(folder):
    there = Jobs(folder)
    first = there.start(order())
    (folder / "000002").mkdir()  # whoever made it was killed at once
    second = there.start(order())
    assert there.ids() == [first, second] == ["000001", "000003"]
    until(lambda: there.running() is None)
    with pytest.raises(KeyError):
        there.order("000002")
    with pytest.raises(KeyError):
        there.order("../000001")


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
