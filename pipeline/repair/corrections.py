"""The ledger of a run's root, opened so that it agrees with what the root serves.

    proposal = proposals.propose("runs/mine", "clip-17", "dance", "Ann")
    candidate = refinements.refine("runs/mine", by="Ann")
    if candidate.blessed:
        refinements.publish("runs/mine", by="Ann")
    refinements.rollback("runs/mine", proposal.correction.id, by="Ben")

All of it may be killed at any moment and is put right by whatever comes next (`versions.recover`). What a function has
returned is kept. Refinements, publications and rollbacks take turns on a root (`exclusion`); whoever comes second is
told who is at work. Proposals need no turn.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.pipeline.repair import versions
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.repair.root_lock import PASSING, RootBusy, lock_root
from topiclens.pipeline.settings import ledger_url
from topiclens.schemas.corrections import Correction, State

LEDGER_FILE = "corrections.db"


def open_ledger(root: str, settings=None) -> Ledger:
    """The ledger of a root: that of the setting `refinement.ledger`, else that of the environment variable
    TOPICLENS_LEDGER, else `ROOT/corrections.db`.

    A ledger is of one root: it tells which of the root's versions is served. A password stands in the variable or where
    PostgreSQL's clients look for it (PGPASSWORD, `~/.pgpass`), never in a setting.
    """
    named = _named_ledger(settings)
    if named is None and not os.path.isdir(root):
        raise FileNotFoundError(f"No run was ever started on root {root!r}: there is no such folder.")
    return Ledger.open(named or os.path.join(root, LEDGER_FILE))


def corrections(root: str, state: State | str | None = None, settings=None) -> tuple[Correction, ...]:
    """The corrections of a root, oldest first; those in one state where that is asked."""
    with open_recovered_ledger(root, settings) as ledger:
        return ledger.corrections(state)


def list_live_corrections(root: str, settings=None) -> list[dict]:
    """The corrections that a model fresh from training is taught: those that are live, oldest first, as JSON.

    What waits in a candidate is not: nobody has published it, and a person may still refuse it. What became of a
    correction since it was proposed is left out, so that an unchanged list is equal.
    """
    if not _has_ledger(root, settings):
        return []
    live = open_ledger(root, settings).corrections(State.LIVE)
    return [replace(one, events=()).to_json() for one in live]


def recover_root(root: str, settings=None) -> None:
    """Puts a root right where captions are corrected: before a run, so that it is known what is live; and after it, so
    that what it pushed is recorded and pinned, which model servers wait for there.
    """
    if _has_ledger(root, settings):
        with open_recovered_ledger(root, settings):
            pass


def _has_ledger(root: str, settings) -> bool:
    return _named_ledger(settings) is not None or os.path.exists(os.path.join(root, LEDGER_FILE))


def _named_ledger(settings) -> str | None:
    return getattr(settings, "ledger", None) or ledger_url()


@contextlib.contextmanager
def open_recovered_ledger(root: str, settings=None) -> Iterator[Ledger]:
    """The ledger of a root, which was put right first, for what changes no version: for reading, and for proposals."""
    ledger = open_ledger(root, settings)
    with contextlib.suppress(RootBusy):  # whoever is at work has put it right
        with lock_root(root, versions.RECOVERED_BY, PASSING):
            versions.recover(ModelStore(root), ledger)
    yield ledger


@contextlib.contextmanager
def locked_root(root: str, by: str, doing: str, settings) -> Iterator[tuple[ModelStore, Ledger]]:
    """A root that is ours alone; put right before, and after what may have outdated a candidate."""
    store, ledger = ModelStore(root), open_ledger(root, settings)
    with lock_root(root, by, doing):
        versions.recover(store, ledger)
        yield store, ledger
        versions.recover(store, ledger)


def find_correction(ledger: Ledger, start: str) -> Correction:
    """The correction whose id begins so.

    Raises:
        LedgerError: there is none, or more than one.
    """
    found = [correction for correction in ledger.corrections() if correction.id.startswith(start)] if start else []
    if len(found) == 1:
        return found[0]
    fault = f"{len(found)} corrections have ids that begin" if found else "No correction has an id, and no version is"
    end = "Write more of it." if found else "`topiclens corrections` and `topiclens versions` list what there is."
    raise LedgerError(f"{fault} with {start[:40]!r}. {end}" if found else f"{fault} called, {start[:40]!r}. {end}")
