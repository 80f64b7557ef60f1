"""Refinements in processes of their own, which outlive the page and are found again by it.

Their folders are numbered in order; `topiclens.pipeline.review.job_folder` tells what is in them.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from topiclens.pipeline.errors import explain_fault
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.model_store import CandidateVersion
from topiclens.pipeline.repair.refinements import Rollback, Teacher
from topiclens.pipeline.review.job_folder import (
    END,
    ERRORS,
    JOB,
    LOCK,
    OUTCOME,
    PROGRESS,
    End,
    JobRequest,
    create_private,
    decide_end,
    ended_by,
    is_held,
    read_told,
    told_lines,
    write_private,
)
from topiclens.pipeline.review.job_progress import (
    expected_seconds,
    seconds_left,
    share_done,
    stage_seconds,
)
from topiclens.pipeline.settings import Settings
from topiclens.schemas.corrections import now
from topiclens.schemas.files import read_json
from topiclens.schemas.plain import from_plain, time_text, to_plain
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.serving.review.shown import HistoryEntry, JobState, RefinementJob
from topiclens.serving.review.text import count

_REMEMBERED = 5  # earlier jobs, by which it is guessed how long one takes
_PATIENCE = 10.0  # seconds for a worker that is to end
_LOOK = 0.2  # seconds between two looks
WORKER = "topiclens.pipeline.review.jobs"  # run as a module, on the folder of a job
_log = logging.getLogger(__name__)


class Jobs:
    """The jobs of a root, in a folder."""

    def __init__(self, folder: str | os.PathLike):
        self._folder = Path(folder)
        self._started: list[subprocess.Popen] = []

    def ids(self) -> list[str]:
        """Of all jobs, oldest first; a folder without a request, whose maker was killed, is left out."""
        if not self._folder.is_dir():
            return []
        return sorted(place.name for place in self._folder.iterdir() if (place / JOB).exists())

    def start(self, request: JobRequest) -> str:
        """Starts a process that works on a request, and returns the job's id at once."""
        self._started = [process for process in self._started if process.poll() is None]
        place = self._place()
        request.save(place)
        with create_private(place / LOCK) as lock, create_private(place / ERRORS) as errors:
            fcntl.flock(lock, fcntl.LOCK_EX)  # shared with the process that inherits the file, and freed by its end
            process = subprocess.Popen(
                [sys.executable, "-m", WORKER, str(place)],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C at the page is not for it
            )
        self._started.append(process)
        return place.name

    def read(self, job_id: str) -> RefinementJob:
        """How far a job has come, as its worker tells; KeyError if there is no such job."""
        if job_id not in self.ids():
            raise KeyError(job_id)
        place = self._folder / job_id
        running = is_held(place / LOCK)  # asked first: what ends after that has written its outcome before
        request = JobRequest.load(place)
        outcome = read_json(place / OUTCOME) if (place / OUTCOME).exists() and not running else None
        told, cancelled_by = read_told(place / PROGRESS), ended_by(place)
        verdict = from_plain(Verdict, outcome["verdict"]) if outcome and "verdict" in outcome else None
        error = outcome.get("error", "") if outcome else ""
        share, left = 1.0, None
        if running:
            state = JobState.RUNNING
            expected, spent = self._expected(job_id), stage_seconds(request.time, told, now())
            share, left = share_done(expected, spent), seconds_left(expected, spent)
        elif outcome is None:
            state = JobState.CANCELLED if cancelled_by else JobState.BROKEN_OFF
        elif error:
            state = JobState.FAILED
        else:
            state = JobState.BLESSED if verdict is None or verdict.blessed else JobState.REFUSED
        return RefinementJob(
            id=job_id,
            title=request.title,
            state=state,
            by=request.by,
            started=request.time,
            corrections=request.corrections,
            takes_out=request.takes_out,
            lines=told_lines(told),
            share=share,
            seconds_left=None if left is None else round(left),
            cancelled_by=cancelled_by if state in (JobState.RUNNING, JobState.CANCELLED) else "",
            verdict=verdict,
            error=hide_paths(error, request.root),
            candidate=outcome.get("candidate") if outcome else None,
            takes_back=tuple(outcome.get("revoked", ())) if outcome else (),
        )

    def cancel(self, job_id: str, by: str) -> bool:
        """Has a job end with nothing done, and waits a while until it has; False where it ends by itself.

        KeyError if there is no such job. To cancel it twice is as good as once: it was cancelled by who came first.
        """
        if job_id not in self.ids():
            raise KeyError(job_id)
        place = self._folder / job_id
        if not is_held(place / LOCK):
            return bool(ended_by(place)) and not (place / OUTCOME).exists()
        if not decide_end(place, by):
            return False
        end = time.monotonic() + _PATIENCE
        while is_held(place / LOCK) and time.monotonic() < end:
            time.sleep(_LOOK / 2)
        return not (place / OUTCOME).exists()

    def cancellations(self) -> list[HistoryEntry]:
        """Who cancelled what, and when."""
        told = []
        for place in (self._folder / job_id for job_id in self.ids()):
            if ended_by(place) and not (place / OUTCOME).exists():
                end = from_plain(End, read_json(place / END))
                told.append(HistoryEntry(end.time, end.by, f"cancelled a refinement: {JobRequest.load(place).title}"))
        return told

    def _expected(self, job_id: str) -> tuple[float, ...]:
        """The seconds that each stage is expected to take, by the last jobs before this one that came to an end."""
        earlier: list[dict[int, float]] = []
        for other in reversed([name for name in self.ids() if name < job_id]):
            place = self._folder / other
            outcome = read_json(place / OUTCOME) if (place / OUTCOME).exists() else {}
            if "verdict" in outcome and "time" in outcome:
                ended = from_plain(datetime, outcome["time"])
                earlier.append(stage_seconds(JobRequest.load(place).time, read_told(place / PROGRESS), ended))
            if len(earlier) == _REMEMBERED:
                break
        return expected_seconds(earlier)

    def running(self) -> str | None:
        """The id of the job that a process works on."""
        return next((name for name in reversed(self.ids()) if is_held(self._folder / name / LOCK)), None)

    def _place(self) -> Path:
        """A new folder, the next in order, whoever else makes one at this moment."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            number = 1 + max((int(place.name) for place in self._folder.iterdir() if place.name.isdecimal()), default=0)
            place = self._folder / f"{number:06d}"
            try:
                place.mkdir(mode=0o700)
                return place
            except FileExistsError:
                continue


class JobReporter:
    """What a worker tells of its job, in the job's folder."""

    def __init__(self, place: str | os.PathLike):
        self._place = Path(place)
        self.request = JobRequest.load(self._place)

    def progress(self, what: str, share: float | None = None, /) -> None:
        """Notes what is being done; see `topiclens.schemas.progress.Progress`."""
        with create_private(self._place / PROGRESS) as file:
            file.write(json.dumps({"what": what, "share": share or 0.0, "time": time_text(now())}) + "\n")

    def done(self, outcome: Mapping[str, Any]) -> None:
        """Notes what came of it; `error` in it says why nothing did."""
        write_private(self._place / OUTCOME, {**outcome, "time": time_text(now())})

    def end_where_cancelled(self) -> None:
        """Ends this process as soon as somebody cancels the job. Whatever it does then is as if it had been killed: it
        leaves everything as it was."""

        def look() -> None:
            while not ended_by(self._place):
                time.sleep(_LOOK)
            os._exit(1)

        threading.Thread(target=look, name="cancelling", daemon=True).start()

    def keep(self) -> None:
        """From now on what came of the job is kept, and nobody can cancel it; ends here where somebody has."""
        if decide_end(self._place, ""):
            os._exit(1)


def work(reporter: JobReporter, teacher: Teacher | None = None) -> None:
    """Does what a job was asked, and notes what came of it, whatever that is."""
    request = reporter.request
    told: dict[str, Any] = {
        "settings": Settings().changed(request.changes).refinement,
        "progress": reporter.progress,
        "keep": reporter.keep,
        "teacher": teacher,
    }
    reporter.end_where_cancelled()
    try:
        if request.takes_out:
            (correction,) = request.corrections
            done = refinements.rollback(request.root, correction, request.by, **told)
            reporter.done(_outcome(done.candidate, _verdict_of_rollback(done)))
        else:
            candidate = refinements.refine(request.root, request.by, only=request.corrections, **told)
            reporter.done(_outcome(candidate, candidate.verdict))
    except Exception as error:
        _log.exception("The job broke off")
        reporter.done({"error": explain_fault(error)})
        raise


def _outcome(candidate: CandidateVersion | None, verdict: Verdict | None) -> dict[str, Any]:
    """What is noted of a job that ended; nothing to look at where no model had to be built."""
    if candidate is None or verdict is None:
        return {"revoked": []}
    return {"candidate": candidate.version, "verdict": to_plain(verdict), "revoked": candidate.revoked}


def _verdict_of_rollback(done: Rollback) -> Verdict | None:
    """The gate's, and beside it that others would go that are to stay: then the correction is live as before."""
    candidate = done.candidate
    if candidate is None:
        return None
    if not candidate.blessed or (done.served is not None and done.served.version == candidate.version):
        return candidate.verdict
    more = count(len(candidate.revoked) - 1, "other live correction")
    words = f"Without it {more} could not be taught again. So it is not published, and nothing was taken back."
    verdict = candidate.verdict
    return replace(verdict, blessed=False, reasons=(*verdict.reasons, Reason("live", False, words)))


def hide_paths(text: str, root: str) -> str:
    """A message without the paths of a run's root."""
    for place in sorted({root, os.path.abspath(root)}, key=len, reverse=True):
        text = text.replace(f" on root {place!r}", "")
        below = r"(?:/[^\s,;:'\"]*)?" if os.path.isabs(place) else r"/[^\s,;:'\"]+"  # "." and "runs" are words, too
        text = re.sub(r"(?<![\w./])" + re.escape(place.rstrip("/")) + below, "the run's folder", text)
    return text


if __name__ == "__main__":
    work(JobReporter(sys.argv[1]))
