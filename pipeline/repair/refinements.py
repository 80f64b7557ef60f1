"""Corrections are taught to the served model, what comes of it is published, and anything is taken back.

Nothing here loads a model: a `Teacher` teaches and judges, by default `topiclens.pipeline.repair.local_model.teach`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair import versions
from topiclens.pipeline.repair.corrections import find_correction, locked_root, open_recovered_ledger
from topiclens.pipeline.repair.model_store import CandidateVersion, ModelStore
from topiclens.schemas.corrections import Correction, State, Version
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.verdicts import Verdict

# root, parent's export, export to write, corrections to teach, live ones to keep, settings, progress -> Verdict
Teacher = Callable[
    [str, str, str, Sequence[Correction], Sequence[Correction], RefinementSettings | None, Progress], Verdict
]


def keep_all() -> None:
    """Nobody has cancelled."""


WAITING = (State.PREVIEWED, State.IN_CANDIDATE)  # corrections that a refinement teaches unless others are named


class NothingToRefine(RuntimeError):
    """No correction waits to be taught."""


@dataclass(frozen=True)
class Rollback:
    """What a rollback did. Where its candidate was refused, the correction is live as before."""

    served: Version | None  # that answers now; None where nothing was ever pushed
    withdrawn: Correction | None = None  # that was taken back before it was ever live
    candidate: CandidateVersion | None = None  # that was built without a correction, where one had to be built


def refine(
    root: str,
    by: str,
    *,
    only: Sequence[str] | None = None,
    settings: RefinementSettings | None = None,
    progress: Progress = no_progress,
    keep: Callable[[], None] = keep_all,
    teacher: Teacher | None = None,
) -> CandidateVersion:
    """Teaches every previewed correction to the served model. What comes of it waits, whatever the gate says of it.

    An earlier candidate that waited gives way once this one is there. After a training, the live corrections are taught
    anew beside the others. Of a refused batch, those whose fault it is are refused, and the others wait as before.

    Args:
        only: ids of the corrections to teach, refused ones among them; None takes all that wait.
        keep: called before anything is kept of what was made; it may raise, or end the process.
    Raises:
        NothingToRefine: no correction waits.
        RootBusy: somebody is at work on the root.
    """
    with locked_root(root, by, "refining", settings) as (store, ledger):
        parent = versions.find_parent(ledger)
        batch = _batch(ledger, only)
        if not batch:
            raise NothingToRefine(
                "No correction waits to be taught. Say what a caption misses with `topiclens correct VIDEO --topic "
                "TOPIC`; `topiclens corrections` lists what was said. What was refused is taught again by `topiclens "
                "refine --only ID`."
            )
        lesson = _Lesson(store, ledger, by, settings, progress, keep, teacher)
        taken = [
            one
            if one.state in (State.IN_CANDIDATE, State.LIVE)
            else ledger.transition(one.id, State.IN_CANDIDATE, by=by)
            for one in batch
        ]
        return lesson.teach(parent, taken)


def find_refined(
    root: str, *, only: Sequence[str] | None = None, settings: RefinementSettings | None = None
) -> CandidateVersion | None:
    """The blessed candidate that the same call of `refine` would make again; None where there is no such."""
    with open_recovered_ledger(root, settings) as ledger:
        candidate = _waiting(ModelStore(root))
        if candidate is None or not candidate.blessed or dict(candidate.settings) != _scalars(settings):
            return None
        batch = {correction.id for correction in _batch(ledger, only)}
        looked_at = {*candidate.corrections, *candidate.verdict.set_aside}
        return candidate if set(candidate.corrections) <= batch <= looked_at else None


def publish(root: str, by: str, *, version: str | None = None, settings: RefinementSettings | None = None) -> Version:
    """Serves the candidate that waits; VersionError if none waits, or another than `version`, or if it was refused."""
    with locked_root(root, by, "publishing", settings) as (store, ledger):
        candidate = _waiting(store)
        if candidate is None:
            raise versions.VersionError("No candidate waits to be published. `topiclens refine` makes one.")
        if version not in (None, candidate.version):
            raise versions.VersionError(
                f"Version {version} was to be published, and {candidate.version} has taken its place since. Look at "
                "that, and publish again."
            )
        return versions.publish(store, ledger, candidate, by)


def rollback(
    root: str,
    what: str,
    by: str,
    *,
    settings: RefinementSettings | None = None,
    progress: Progress = no_progress,
    keep: Callable[[], None] = keep_all,
    teacher: Teacher | None = None,
) -> Rollback:
    """Takes back: to a version, which is served again, or one correction, without which the version is built anew.

    Args:
        what: a version, or the id of a correction or so much of it as is of no other.
        by, progress, keep, teacher: as in `refine`.
    Raises:
        LedgerError: there is no such version or correction, or it was revoked already.
        VersionError: the version's folder is gone.
    """
    with locked_root(root, by, "rolling back", settings) as (store, ledger):
        if what in {version.version for version in ledger.versions()}:
            return Rollback(versions.serve_again(store, ledger, what, by))
        correction = find_correction(ledger, what)
        if correction.state is not State.LIVE:
            return Rollback(ledger.served(), withdrawn=ledger.transition(correction.id, State.REVOKED, by=by))
        return _without(_Lesson(store, ledger, by, settings, progress, keep, teacher), correction)


def _batch(ledger: Ledger, only: Sequence[str] | None) -> list[Correction]:
    """What is taught to the parent: the live corrections that it lacks, and then those that wait."""
    live = [ledger.correction(correction_id) for correction_id in versions.list_lacking(ledger)]
    everything = ledger.corrections()
    if only is None:
        return [*live, *(item for item in everything if item.state in WAITING)]
    wanted = {find_correction(ledger, start).id for start in only}
    ready = [item for item in everything if item.state in (*WAITING, State.REFUSED)]
    batch = [correction for correction in (*live, *ready) if correction.id in wanted]
    for correction_id in wanted - {correction.id for correction in batch}:
        state = ledger.correction(correction_id).state.value
        raise LedgerError(
            f"Correction {correction_id} cannot be taught: it is {state!r}, and only what was previewed can. Where no "
            "strength brought its topic in, another topic may."
        )
    return batch


@dataclass(frozen=True)
class _Lesson:
    """A refinement on a root that is held: what it is made with, and for whom."""

    store: ModelStore
    ledger: Ledger
    by: str
    settings: RefinementSettings | None
    progress: Progress
    keep: Callable[[], None]
    teacher: Teacher | None

    def teach(self, parent: str, batch: Sequence[Correction]) -> CandidateVersion:
        """Makes the candidate of a batch that was taken, in place of any other, and lets go of what it leaves out."""
        store, ledger = self.store, self.ledger
        if (teacher := self.teacher) is None:
            from topiclens.pipeline.repair import local_model

            teacher = local_model.teach
        version = store.free_number(recorded.version for recorded in ledger.versions())
        others = store.read()
        model = store.candidates / version / "model"
        model.parent.mkdir(parents=True)
        kept = versions.list_carried(ledger, parent)
        live = [ledger.correction(correction_id) for correction_id in kept]
        verdict = teacher(store.root, str(store.version(parent)), str(model), batch, live, self.settings, self.progress)
        taught = tuple(correction.id for correction in batch if correction.id in verdict.taught)
        revoked, told = versions.list_lost(ledger, (*kept, *taught)), _scalars(self.settings)
        candidate = CandidateVersion(version, parent, taught, revoked, self.by, verdict, told)
        self.keep()
        for other in others:
            other.discard(store)
        candidate.save(store)
        refused = {*verdict.set_aside, *(() if candidate.blessed else verdict.culprits or taught)}
        store.add_refusals({one: verdict.refusal_of(one) for one in sorted(refused)})
        versions.release(ledger, taught if candidate.blessed else (), self.by, refused)
        return candidate


def _without(lesson: _Lesson, correction: Correction) -> Rollback:
    """Builds the served version without a live correction, from the last ancestor that lacks it, and serves that."""
    store, ledger, by = lesson.store, lesson.ledger, lesson.by
    line = ledger.rebuild(versions.find_served(ledger))
    place = next(number for number, step in enumerate(line) if correction.id in {item.id for item in step.corrections})
    there = [number for number in range(place) if store.version(line[number].version.version).is_dir()]
    if not there:
        raise versions.VersionError(
            f"Correction {correction.id} cannot be taken out: version {line[place - 1].version.version}, to which it "
            f"was taught, is not in {store.versions}, nor is any before it. Bring it back from a copy, or serve "
            "another version: `topiclens versions` lists them."
        )
    parent = line[there[-1]].version.version
    rest = [item for step in line[there[-1] + 1 :] for item in step.corrections if item.id != correction.id]
    if not rest:
        lesson.keep()
        return Rollback(versions.serve_again(store, ledger, parent, by))
    candidate = lesson.teach(parent, rest)
    if candidate.blessed and candidate.revoked == (correction.id,):  # and no other that could not be taught again
        versions.publish(store, ledger, candidate, by)
    return Rollback(ledger.served(), candidate=candidate)


def _waiting(store: ModelStore) -> CandidateVersion | None:
    there = store.read()
    return there[-1] if there else None


def _scalars(settings: RefinementSettings | None) -> Mapping[str, str | float | bool | None]:
    """What a rebuild needs of the settings, in the form that the ledger keeps: numbers and texts, lists as texts.

    The address of the ledger is left out.
    """
    if settings is None:
        return {}
    scalars = (str, float, int, bool, type(None))
    return {name: value if isinstance(value, scalars) else str(value) for name, value in settings.told().items()}
