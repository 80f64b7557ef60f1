"""One refinement, publication or rollback at a time on a root."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime

from components.refinement.records import now

LOCK = ".refinement.lock"


class RootBusy(RuntimeError):
    """Somebody else changes the served model of this root; the message says who."""


@contextlib.contextmanager
def alone(root: str | os.PathLike, by: str, doing: str) -> Iterator[None]:
    """Holds a root. The lock is the kernel's, so that it goes with the process that held it, however that ends.

    Args:
        by: who asks.
        doing: what for, such as "refining"; whoever comes second is told.
    Raises:
        RootBusy: somebody holds it.
        FileNotFoundError: there is no such root.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(f"No run was ever started on root {os.fspath(root)!r}: there is no such folder.")
    with open(os.path.join(root, LOCK), "a+", encoding="utf-8") as lock:  # a+ leaves the words of who holds it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RootBusy(
                f"{_told(lock.read())} on root {os.fspath(root)!r}, and one at a time may change what it serves. Wait "
                "until that is done, and try again."
            ) from None
        lock.truncate(0)
        words = {"by": by, "doing": doing, "process": os.getpid(), "since": now().isoformat(timespec="seconds")}
        lock.write(json.dumps(words))
        lock.flush()
        yield


def _told(words: str) -> str:
    """Who holds a lock, in a clause; its holder may just be about to write it."""
    try:
        held = json.loads(words)
        since = datetime.fromisoformat(held["since"])
        return f"{held['by']} is {held['doing']} (process {held['process']}, since {since:%Y-%m-%d %H:%M:%S} UTC)"
    except (ValueError, KeyError):
        return "Somebody else is at work"
