"""The ledger of a run's root, opened so that it agrees with what the root serves.

    (proposal,) = proposals.propose("runs/mine", "clip-17", ["dance"], "Ann")
    candidate = refinements.refine("runs/mine", by="Ann")
    if candidate.blessed:
        refinements.publish("runs/mine", by="Ann")
    refinements.rollback("runs/mine", proposal.correction.id, by="Ben")

All of it may be killed at any moment and is put right by whatever comes next (`versions.recover`). What a function has
returned is kept. Refinements, publications and rollbacks take turns on a root (`lock_root`); whoever comes second is
told who is at work. Proposals need no turn.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TextIO

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair import versions
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.settings import ledger_url
from topiclens.schemas.corrections import Correction, State, now

LEDGER_FILE = "corrections.db"


def open_ledger(root: str, settings: RefinementSettings | None = None) -> Ledger:
    """The ledger of a root: that of the setting `refinement.ledger`, else that of the environment variable
    TOPICLENS_LEDGER, else `ROOT/corrections.db`.

    A ledger is of one root: it tells which of the root's versions is served. A password stands in the variable or where
    PostgreSQL's clients look for it (PGPASSWORD, `~/.pgpass`), never in a setting.
    """
    named = _named_ledger(settings)
    if named is None:
        _check_root(root)
    return Ledger.open(named or os.path.join(root, LEDGER_FILE))


def list_live_corrections(root: str, settings: RefinementSettings | None = None) -> list[dict]:
    """The corrections that a model fresh from training is taught: those that are live, oldest first, as JSON.

    What waits in a candidate is not: nobody has published it, and a person may still refuse it. What became of a
    correction since it was proposed is left out, so that an unchanged list is equal.
    """
    if not _has_ledger(root, settings):
        return []
    live = open_ledger(root, settings).corrections(State.LIVE)
    return [replace(one, events=()).to_json() for one in live]


def list_written_captions(root: str, settings: RefinementSettings | None = None) -> list[dict[str, str]]:
    """The captions that people wrote and the next training learns from, by video: `video_id`, `content` and `text`.

    Of a person and a video it is the last that was not withdrawn. Their times are left out, so that an unchanged list
    is equal.
    """
    if not _has_ledger(root, settings):
        return []
    taught = {(one.video_id, one.by): one for one in open_ledger(root, settings).written_captions() if one.is_taught}
    told = {(one.video_id, one.content, one.text) for one in taught.values()}
    return [{"video_id": video_id, "content": content, "text": text} for video_id, content, text in sorted(told)]


def recover_root(root: str, settings: RefinementSettings | None = None) -> None:
    """Puts a root right where captions are corrected: before a run, so that it is known what is live; and after it, so
    that what it pushed is recorded and pinned, which model servers wait for there.
    """
    if _has_ledger(root, settings):
        with open_recovered_ledger(root, settings):
            pass


def _has_ledger(root: str, settings: RefinementSettings | None) -> bool:
    return _named_ledger(settings) is not None or os.path.exists(os.path.join(root, LEDGER_FILE))


def _named_ledger(settings: RefinementSettings | None) -> str | None:
    return (settings and settings.ledger) or ledger_url()


@contextlib.contextmanager
def open_recovered_ledger(root: str, settings: RefinementSettings | None = None) -> Iterator[Ledger]:
    """The ledger of a root, which was put right first, for what changes no version: for reading, and for proposals."""
    ledger = open_ledger(root, settings)
    with contextlib.suppress(RootBusy):  # whoever is at work has put it right
        with lock_root(root, versions.RECOVERED_BY, PASSING):
            versions.recover(ModelStore(root), ledger)
    yield ledger


@contextlib.contextmanager
def read_ledger(root: str, settings: RefinementSettings | None = None) -> Iterator[Ledger]:
    """The same for what only reads. A root without a ledger stays without one: what training pushed there is told by a
    ledger that is thrown away.
    """
    if _has_ledger(root, settings):
        with open_recovered_ledger(root, settings) as ledger:
            yield ledger
        return
    _check_root(root)
    store = ModelStore(root)
    pushed = datetime.fromtimestamp(store.versions.stat().st_mtime, UTC) if store.versions.exists() else now()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(os.path.join(folder, LEDGER_FILE), now=lambda: pushed)
        versions.take_in_trained(store, ledger)
        yield ledger


@contextlib.contextmanager
def locked_root(
    root: str, by: str, doing: str, settings: RefinementSettings | None
) -> Iterator[tuple[ModelStore, Ledger]]:
    """A root that is ours alone; put right before, and after what may have outdated a candidate."""
    store, ledger = ModelStore(root), open_ledger(root, settings)
    with lock_root(root, by, doing):
        versions.recover(store, ledger)
        yield store, ledger
        versions.recover(store, ledger)


def find_correction(ledger: Ledger, start: str) -> Correction:
    """The correction whose id begins so; LedgerError if there is none, or more than one."""
    found = [correction for correction in ledger.corrections() if correction.id.startswith(start)] if start else []
    if len(found) == 1:
        return found[0]
    if found:
        raise LedgerError(f"{len(found)} corrections have ids that begin with {start[:40]!r}. Write more of it.")
    raise LedgerError(
        f"No correction has an id, and no version is called, {start[:40]!r}. `topiclens corrections` and `topiclens "
        "versions` list what there is."
    )


LOCK = ".refinement.lock"
PASSING = "putting the root right"  # takes a moment, so that whoever comes second waits
PATIENCE = 60.0  # seconds
_POLL = 0.05


class RootBusy(RuntimeError):
    """Somebody else changes the served model of this root; the message says who."""


@contextlib.contextmanager
def lock_root(root: str | os.PathLike, by: str, doing: str) -> Iterator[None]:
    """Holds a root; RootBusy tells who else holds it. The lock is the kernel's, and ends with its process.

    Who is but `PASSING` waits for nobody, and is waited for. `doing`, such as "refining", is told to others.
    """
    _check_root(root)
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


def _check_root(root: str | os.PathLike) -> None:
    if not os.path.isdir(root):
        raise FileNotFoundError(f"No run was ever started on root {os.fspath(root)!r}: there is no such folder.")


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
