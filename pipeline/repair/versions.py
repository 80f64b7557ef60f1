"""Which version of the model a root serves: published, pinned, taken back, and put right after a crash.

The ledger decides. Serving a version is one transaction of it; the folder of the version is there before, and
``models.config``, which model servers follow, is written from the ledger after. A process that is killed in between
leaves one of the states that `recover` knows, and every command begins with `recover`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence

from topiclens.components.refinement.gate import load_verdict
from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.pipeline.repair.model_store import CandidateVersion, ModelStore
from topiclens.pipeline.run_metadata import NAME
from topiclens.schemas.corrections import State, Version
from topiclens.schemas.files import write_text
from topiclens.serving import model_config
from topiclens.serving.saved_model import find_versions

TRAINED_BY = "pipeline"
RECOVERED_BY = "recovery"
VERDICT_CHARACTERS = 20_000  # that the ledger takes; a batch of hundreds is told at greater length in verdict.json

_log = logging.getLogger(__name__)


class VersionError(RuntimeError):
    """A version cannot be served or refined as things stand; the message says why and what to do."""


def publish(store: ModelStore, ledger: Ledger, candidate: CandidateVersion, by: str) -> Version:
    """Serves a candidate; VersionError if it was refused.

    The version is recorded, its folder is renamed into place, it is served in the ledger, and then pinned. From the
    record on nothing is lost: `recover` goes on from wherever a crash left it.
    """
    if not candidate.blessed:
        raise VersionError(
            f"Candidate {candidate.version} was refused, and is not published:\n{candidate.verdict.to_markdown()}"
        )
    ledger.record_version(
        candidate.version,
        parent=candidate.parent,
        corrections=candidate.corrections,
        by=candidate.by,
        verdict=candidate.verdict.to_markdown()[:VERDICT_CHARACTERS],
        settings=candidate.settings,
        serve=False,
    )
    return _finish(store, ledger, candidate, by)


def _finish(store: ModelStore, ledger: Ledger, candidate: CandidateVersion, by: str) -> Version:
    """All of a publication that follows the record; what is done already is passed over."""
    if candidate.model(store).exists():
        store.versions.mkdir(parents=True, exist_ok=True)
        os.rename(candidate.model(store), store.version(candidate.version))
    if candidate.version not in {serving.version for serving in ledger.servings()}:
        ledger.serve(candidate.version, by=by, revoked=candidate.revoked, captions=candidate.verdict.captions)
    pin(store, ledger)
    candidate.discard(store)
    return _recorded(ledger, candidate.version)


def serve_again(store: ModelStore, ledger: Ledger, version: str, by: str) -> Version:
    """Serves an earlier version, with its corrections and no others; VersionError if its folder is gone."""
    recorded = _recorded(ledger, version)
    if not store.version(version).is_dir():
        there = ", ".join(str(number) for number in find_versions(store.versions)) or "none"
        raise VersionError(
            f"The folder of version {version} is gone from {store.versions}, so that it cannot be served; there are "
            f"{there}. Bring it back from a copy, or name another."
        )
    ledger.serve(version, by=by, revoked=list_lost(ledger, list_carried(ledger, version)))
    pin(store, ledger)
    return recorded


def pin(store: ModelStore, ledger: Ledger) -> None:
    """Writes `models.config` from the ledger, where it does not say so already."""
    servings = ledger.servings()
    if not servings:
        return
    stable = servings[-1].version
    before = [serving.version for serving in servings if serving.version != stable]
    previous = before[-1] if before and store.version(before[-1]).is_dir() else None
    text = model_config.format_pinned(NAME, int(stable), None if previous is None else int(previous))
    if not store.config.exists() or store.config.read_text(encoding="utf-8") != text:
        write_text(store.config, text)


def list_carried(ledger: Ledger, version: str) -> tuple[str, ...]:
    """The ids of all corrections in a version, in the order in which they were applied."""
    return tuple(correction.id for step in ledger.rebuild(version) for correction in step.corrections)


def list_lost(ledger: Ledger, kept: Sequence[str]) -> tuple[str, ...]:
    """The ids of the live corrections that are not among those kept."""
    return tuple(live.id for live in ledger.corrections(State.LIVE) if live.id not in kept)


def list_lacking(ledger: Ledger) -> tuple[str, ...]:
    """The ids of the live corrections that `find_parent` lacks, where a training left it; none before any is served.

    A refinement that does not teach them anew takes them back, once it is published.
    """
    return list_lost(ledger, list_carried(ledger, find_parent(ledger))) if ledger.servings() else ()


def find_served(ledger: Ledger) -> str:
    """The version that is served; VersionError where nothing was ever pushed."""
    served = ledger.served()
    if served is None:
        raise VersionError("No version of the model was pushed yet. `topiclens run` trains and pushes one.")
    return served.version


def find_parent(ledger: Ledger) -> str:
    """The version that the next refinement starts from: what is served, or what training has left since.

    A training that is pushed without what is live waits until a refinement has taught it that. VersionError as of
    `find_served`.
    """
    served = find_served(ledger)
    ever = {serving.version for serving in ledger.servings()}
    trained = (one.version for one in ledger.versions() if one.parent in (None, _trained(one.version)))
    newer = [int(version) for version in trained if version.isdecimal() and version not in ever]
    return str(max([*newer, int(served)]))


def recover(store: ModelStore, ledger: Ledger) -> None:
    """Makes the ledger, the candidates and the served folder agree after a crash, and takes in what training pushed.

    The root must be held (`lock_root`). To call it twice is as good as once.
    """
    store.sweep()
    recorded = {version.version for version in ledger.versions()}
    for candidate in store.read():
        if candidate.version not in recorded:
            continue
        if candidate.model(store).exists() or store.version(candidate.version).exists():
            _log.warning("Version %s was being published when that was cut off: done now.", candidate.version)
            _finish(store, ledger, candidate, candidate.by)
        else:
            _log.warning("Version %s was being published, and its folder is gone: it is not.", candidate.version)
            candidate.discard(store)
    take_in_trained(store, ledger)
    for candidate in store.read():
        if not _still_fits(ledger, candidate):
            if candidate.blessed:
                _log.warning(
                    "Candidate %s is out of date: version %s is no longer what is refined, or a correction was taken "
                    "back. What it taught waits as before; `topiclens refine` teaches it anew.",
                    candidate.version, candidate.parent,
                )  # fmt: skip
            candidate.discard(store)
    waiting = {item for candidate in store.read() if candidate.blessed for item in candidate.corrections}
    release(ledger, waiting, RECOVERED_BY)
    pin(store, ledger)
    served = ledger.served()
    if served is not None and not store.version(served.version).is_dir():
        _log.warning(
            "The ledger says that version %s is served, and its folder is gone from %s. Bring it back, or serve "
            "another with `topiclens rollback VERSION`.", served.version, store.versions,
        )  # fmt: skip


def take_in_trained(store: ModelStore, ledger: Ledger) -> None:
    """Records what the pipeline pushed since. The newest is served, unless corrections are live that it lacks."""
    known, served = {version.version for version in ledger.versions()}, ledger.served()
    there = sorted(find_versions(store.versions).items())
    for number, folder in there:
        if str(number) not in known:
            newest = number == there[-1][0] and (served is None or number > int(served.version))
            verdict = load_verdict(folder)  # of the pipeline's own step of refinement; mostly there is none
            _take_in(ledger, str(number), verdict.taught if verdict and verdict.blessed else (), newest)


def _take_in(ledger: Ledger, version: str, taught: Sequence[str], newest: bool) -> None:
    """Records a version of a run and, where the run taught it corrections on the way, what it taught them to."""
    live = {correction.id for correction in ledger.corrections(State.LIVE)}
    if gone := set(taught) - live:
        _log.warning(
            "Version %s is not served: it was taught corrections that were taken back since: %s. `topiclens run` "
            "teaches what is live by now, and repeats nothing else.", version, ", ".join(sorted(gone)),
        )  # fmt: skip
        return
    missing, parent = live - set(taught), None
    if taught:
        parent = _trained(version)
        if parent not in {recorded.version for recorded in ledger.versions()}:
            ledger.record_version(parent, parent=None, by=TRAINED_BY, serve=False)
    serve = newest and not missing
    ledger.record_version(version, parent=parent, corrections=taught, by=TRAINED_BY, serve=serve)
    if newest and missing:
        _log.warning(
            "Training pushed version %s. Version %s keeps serving, as %d correction(s) are live in it that the new one "
            "lacks: `topiclens refine` teaches them to it; `topiclens rollback %s` serves it without them.",
            version, find_served(ledger), len(missing), version,
        )  # fmt: skip


def _trained(version: str) -> str:
    """The name of what a run taught corrections to, which it left nowhere."""
    return f"{version}-trained"


def _still_fits(ledger: Ledger, candidate: CandidateVersion) -> bool:
    """Whether a candidate could be published, or is the refusal of what could have been."""
    if ledger.served() is None or candidate.parent != find_parent(ledger):
        return False
    ready = (State.IN_CANDIDATE, State.LIVE)
    return not candidate.blessed or all(ledger.correction(item).state in ready for item in candidate.corrections)


def release(ledger: Ledger, kept: Collection[str], by: str, refused: Collection[str] = ()) -> None:
    """Takes corrections out of the batch that are in no candidate: they are as before, previewed, or now refused."""
    for correction in ledger.corrections(State.IN_CANDIDATE):
        if correction.id not in kept:
            ledger.transition(correction.id, State.REFUSED if correction.id in refused else State.PREVIEWED, by=by)


def _recorded(ledger: Ledger, version: str) -> Version:
    by_name = {recorded.version: recorded for recorded in ledger.versions()}
    if version not in by_name:
        raise LedgerError(
            f"No version is called {version!r}. There are {', '.join(by_name) or 'none'}; `topiclens versions` lists "
            "them with their corrections."
        )
    return by_name[version]
