"""Refinements in processes of their own, which outlive the page and are found again by it.

FOLDER/000007/job.json         what was asked, by whom and when
FOLDER/000007/lock             held, through the kernel, by the process that works on it, however that ends
FOLDER/000007/progress.jsonl   what it has done so far
FOLDER/000007/outcome.json     what came of it; absent where it broke off
FOLDER/000007/errors.txt       what it complained of

Only the user who started them can read them.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from topiclens.pipeline.errors import explain_fault
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.model_store import CandidateVersion
from topiclens.pipeline.repair.refinements import Rollback
from topiclens.pipeline.settings import Settings
from topiclens.schemas.corrections import now
from topiclens.schemas.files import format_json, read_json, replacing
from topiclens.schemas.json_lines import parse_rows
from topiclens.schemas.plain import from_plain, time_text, to_plain
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.serving.review.shown import JobState, RefinementJob
from topiclens.serving.review.text import count

_JOB, _LOCK, _PROGRESS, _OUTCOME, _ERRORS = "job.json", "lock", "progress.jsonl", "outcome.json", "errors.txt"
WORKER = "topiclens.pipeline.review.jobs"  # run as a module, on the folder of a job
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobRequest:
    """What a job is asked to do."""

    root: str
    title: str
    by: str
    time: datetime
    corrections: tuple[str, ...]  # the ids of those that are taught, or the one that is taken out
    takes_out: bool = False
    changes: tuple[str, ...] = ()  # of settings, `section.name=value` each

    def save(self, place: Path) -> None:
        _write(place / _JOB, to_plain(self))

    @classmethod
    def load(cls, place: Path) -> JobRequest:
        return from_plain(cls, read_json(place / _JOB))


class Jobs:
    """The jobs of a root, in a folder."""

    def __init__(self, folder: str | os.PathLike):
        self._folder = Path(folder)
        self._started: list[subprocess.Popen] = []

    def ids(self) -> list[str]:
        """Of all jobs, oldest first; a folder without a request, whose maker was killed, is left out."""
        if not self._folder.is_dir():
            return []
        return sorted(place.name for place in self._folder.iterdir() if (place / _JOB).exists())

    def start(self, request: JobRequest) -> str:
        """Starts a process that works on a request, and returns the job's id at once."""
        self._started = [process for process in self._started if process.poll() is None]
        place = self._place()
        request.save(place)
        with _create(place / _LOCK) as lock, _create(place / _ERRORS) as errors:
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
        running = _is_held(place / _LOCK)  # asked first: what ends after that has written its outcome before
        request = JobRequest.load(place)
        broken_off = {"error": "It was broken off, and left everything as it was. Start it again."}
        outcome = read_json(place / _OUTCOME) if (place / _OUTCOME).exists() else {} if running else broken_off
        error = outcome.get("error", "")
        verdict = from_plain(Verdict, outcome["verdict"]) if "verdict" in outcome else None
        if running:
            state = JobState.RUNNING
        elif error:
            state = JobState.FAILED
        else:
            state = JobState.BLESSED if verdict is None or verdict.blessed else JobState.REFUSED
        steps = _steps(place / _PROGRESS)
        return RefinementJob(
            id=job_id,
            title=request.title,
            state=state,
            by=request.by,
            started=request.time,
            corrections=request.corrections,
            lines=tuple(f"{what} ({share:.0%})" if 0 < share < 1 else what for what, share in steps),
            share=1.0 if state in (JobState.BLESSED, JobState.REFUSED) else _share(steps),
            verdict=verdict,
            error=hide_paths(error, request.root),
            candidate=outcome.get("candidate"),
            takes_back=tuple(outcome.get("revoked", ())),
        )

    def running(self) -> str | None:
        """The id of the job that a process works on."""
        return next((name for name in reversed(self.ids()) if _is_held(self._folder / name / _LOCK)), None)

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
        with _create(self._place / _PROGRESS) as file:
            file.write(json.dumps({"what": what, "share": share or 0.0, "time": time_text(now())}) + "\n")

    def done(self, outcome: Mapping[str, Any]) -> None:
        """Notes what came of it; `error` in it says why nothing did."""
        _write(self._place / _OUTCOME, outcome)


def work(reporter: JobReporter) -> None:
    """Does what a job was asked, and notes what came of it, whatever that is."""
    request = reporter.request
    told: dict[str, Any] = {"settings": Settings().changed(request.changes).refinement, "progress": reporter.progress}
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


def _steps(path: Path) -> tuple[tuple[str, float], ...]:
    """What was done, each once, with the share that was noted last; a line that is being written is left out."""
    steps: dict[str, float] = {}
    if path.exists():
        complete, _, _ = path.read_bytes().rpartition(b"\n")
        for row in parse_rows(complete, path):
            steps[row["what"]] = float(row["share"])
    return tuple(steps.items())


def _share(steps: Sequence[tuple[str, float]]) -> float:
    """How much is done, where nobody knows how many steps there will be: each takes a fifth of what is left."""
    return 1 - 0.8 ** (len(steps) - 1 + steps[-1][1]) if steps else 0.0


def _create(path: Path) -> TextIO:
    """A file to write on at its end, which its owner alone may read."""
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


def _write(path: Path, value: Mapping) -> None:
    with replacing(path) as aside, _create(Path(aside)) as file:
        file.write(format_json(value))


def _is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with open(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def hide_paths(text: str, root: str) -> str:
    """A message without the paths of a run's root."""
    for place in sorted({root, os.path.abspath(root)}, key=len, reverse=True):
        text = text.replace(f" on root {place!r}", "")
        below = r"(?:/[^\s,;:'\"]*)?" if os.path.isabs(place) else r"/[^\s,;:'\"]+"  # "." and "runs" are words, too
        text = re.sub(r"(?<![\w./])" + re.escape(place.rstrip("/")) + below, "the run's folder", text)
    return text


if __name__ == "__main__":
    work(JobReporter(sys.argv[1]))
