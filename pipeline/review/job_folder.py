"""The folder of a refinement that runs in a process of its own: what is in its files.

FOLDER/000007/job.json         what was asked, by whom and when
FOLDER/000007/lock             held, through the kernel, by the process that works on it, however that ends
FOLDER/000007/progress.jsonl   what it has done so far
FOLDER/000007/end.json         who ends it: the person who cancels it, or its worker, which then keeps what came of it
FOLDER/000007/outcome.json     what came of it; absent where it was cancelled or broke off
FOLDER/000007/errors.txt       what it complained of

Only the user who started them can read them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from topiclens.pipeline.review.job_progress import Told
from topiclens.schemas.corrections import now
from topiclens.schemas.files import format_json, read_json, replacing
from topiclens.schemas.json_lines import parse_rows
from topiclens.schemas.plain import from_plain, to_plain

JOB, LOCK, PROGRESS, END, OUTCOME = "job.json", "lock", "progress.jsonl", "end.json", "outcome.json"
ERRORS = "errors.txt"


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
        write_private(place / JOB, to_plain(self))

    @classmethod
    def load(cls, place: Path) -> JobRequest:
        return from_plain(cls, read_json(place / JOB))


@dataclass(frozen=True)
class End:
    """Who ends a job, and when."""

    by: str  # a person who cancels it; nobody where its worker keeps what came of it
    time: datetime


def read_told(path: Path) -> list[Told]:
    """What a worker told, oldest first; a line that is being written is left out."""
    if not path.exists():
        return []
    complete, _, _ = path.read_bytes().rpartition(b"\n")
    return [from_plain(Told, row) for row in parse_rows(complete, path)]


def told_lines(told: Sequence[Told]) -> tuple[str, ...]:
    """What was done, each once, with the largest share that was told."""
    steps: dict[str, float] = {}
    for row in told:
        steps[row.what] = max(row.share, steps.get(row.what, 0.0))
    return tuple(f"{what} ({share:.0%})" if 0 < share < 1 else what for what, share in steps.items())


def decide_end(place: Path, by: str) -> str:
    """Who ends a job: whoever says so first, a person or, with no name, its worker."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        aside = Path(folder, END)
        write_private(aside, to_plain(End(by, now())))
        with contextlib.suppress(FileExistsError):
            os.link(aside, place / END)
    return ended_by(place)


def ended_by(place: Path) -> str:
    return read_json(place / END)["by"] if (place / END).exists() else ""


def create_private(path: Path) -> TextIO:
    """A file to write on at its end, which its owner alone may read."""
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


def write_private(path: Path, value: Mapping) -> None:
    with replacing(path) as aside, create_private(Path(aside)) as file:
        file.write(format_json(value))


def is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with open(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
