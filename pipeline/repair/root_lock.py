"""One refinement, publication or rollback at a time on a root."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TextIO

from topiclens.schemas.corrections import now

LOCK = ".refinement.lock"
PASSING = "putting the root right"  # takes a moment, so that whoever comes second waits
PATIENCE = 60.0  # seconds
_POLL = 0.05


class RootBusy(RuntimeError):
    """Somebody else changes the served model of this root; the message says who."""


@contextlib.contextmanager
def lock_root(root: str | os.PathLike, by: str, doing: str) -> Iterator[None]:
    """Holds a root. The lock is the kernel's, so that it goes with the process that held it, however that ends.

    Args:
        by: who asks.
        doing: what for, such as "refining"; whoever comes second is told. Who is but `PASSING` waits for nobody, and
            is waited for.
    Raises:
        RootBusy: somebody holds it.
        FileNotFoundError: there is no such root.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(f"No run was ever started on root {os.fspath(root)!r}: there is no such folder.")
    with open(os.path.join(root, LOCK), "a+", encoding="utf-8") as lock:  # a+ leaves the words of who holds it
        end = time.monotonic() + (0 if doing == PASSING else PATIENCE)
        while not _taken(lock):
            holder = _holder(lock)
            if holder.get("doing", PASSING) != PASSING or time.monotonic() >= end:
                raise RootBusy(
                    f"{_told(holder)} on root {os.fspath(root)!r}, and one at a time may change what it serves. Wait "
                    "until that is done, and try again."
                )
            time.sleep(_POLL)
        lock.truncate(0)
        words = {"by": by, "doing": doing, "process": os.getpid(), "since": now().isoformat(timespec="seconds")}
        lock.write(json.dumps(words))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: TextIO) -> dict:
    """Who holds a lock; nothing where its holder is about to write that, or has just gone."""
    lock.seek(0)
    try:
        return json.loads(lock.read())
    except ValueError:
        return {}


def _told(holder: dict) -> str:
    if not holder:
        return "Somebody else is at work"
    since = datetime.fromisoformat(holder["since"])
    return f"{holder['by']} is {holder['doing']} (process {holder['process']}, since {since:%Y-%m-%d %H:%M:%S} UTC)"
