"""The ledger of corrections: what people said, how far each correction has come, and which version carries which.

Rows are only ever appended. A correction goes live, and ceases to be, in the same transaction as the version that is
served changes, so that one thing always holds: **the live corrections are those of the served version.**

    ledger = Ledger.open("corrections.db")
    ledger.record_version("1", parent=None, by="pipeline")
    correction = ledger.propose(author="Ann", video_id="v1", ...)
    ledger.transition(correction.id, State.PREVIEWED, by="Ann", caption="a girl is dancing")
    ledger.transition(correction.id, State.IN_CANDIDATE, by="Ben")
    ledger.record_version("2", parent="1", corrections=[correction.id], by="Ben", verdict="blessed: ...")
    ledger.rebuild("2")  # the step to "1", then the step to "2" with its corrections
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection

from topiclens.components.refinement import exchange, rules, store
from topiclens.components.refinement.clip_work import ClipWork
from topiclens.components.refinement.database import Database
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import (
    CorrectedTopic,
    Correction,
    Event,
    Serving,
    State,
    Version,
    now,
)
from topiclens.schemas.stretches import Stretch


@dataclass(frozen=True)
class RebuildStep:
    """One step of a rebuild: a version, and the corrections that are applied to its parent, in order."""

    version: Version
    corrections: tuple[Correction, ...]


class Ledger(ClipWork):
    """Corrections, looks, versions and what is served, in one database that many processes may use at once.

    Every method is one transaction: once it returns its work is kept, and if it raises it left no trace. All raise
    LedgerError where the database cannot be reached.
    """

    @classmethod
    def open(cls, url: str | os.PathLike, now: Callable[[], datetime] = now) -> Ledger:
        """Opens a ledger, and creates it where there is none; see `Database` for the URL."""
        database = Database(url)
        database.create(store.METADATA)
        return cls(database, now)

    def __repr__(self) -> str:
        return f"Ledger({str(self._database)!r})"

    # Corrections

    def propose(
        self,
        *,
        author: str,
        video_id: str,
        content: str,
        topic: CorrectedTopic,
        caption_before: str,
        model_before: str,
        previewed: str | None = None,
        stretch: Stretch | None = None,
    ) -> Correction:
        """Writes down that a caption misses a topic; see `Correction` for the arguments.

        Said again (`Correction.says_again`), by a second click or from a second window, it is the same correction.

        Args:
            previewed: the caption with the topic, where the author has seen one.
        Raises:
            LedgerError: a text is empty, too long or of more than one line.
        """
        named = (uuid.uuid4().hex, self._now(), author)
        correction = exchange.check_record(
            Correction(*named, video_id, content, topic, caption_before, model_before, stretch=stretch)
        )
        with self._database.writing() as connection:
            said = store.read_corrections(connection, video_id=video_id)
            known = next((one for one in said if one.says_again(correction)), None)
            if known is None:
                store.append(connection, known := correction)
            if previewed is None or known.state is not State.PROPOSED:
                return known
            return _append(connection, known, Event(State.PREVIEWED, self._now(), author, previewed))

    def transition(self, correction_id: str, to: State | str, *, by: str, caption: str | None = None) -> Correction:
        """Moves a correction on, or revokes one that is not live yet. Of several who try the same, one succeeds.

        Args:
            to: PREVIEWED, IN_CANDIDATE, REFUSED or REVOKED. LIVE comes with `serve`, and so does the end of it.
            caption: the video's caption from then on, where it was found.
        Raises:
            LedgerError: there is no such correction, or it cannot go there from where it is.
        """
        to = _state(to)
        with self._database.writing() as connection:
            correction = store.read_corrections_by_id(connection, [correction_id])[correction_id]
            rules.check_move(correction, to)
            return _append(connection, correction, Event(to, self._now(), by, caption))

    def restore(self, correction_id: str, *, by: str) -> Correction:
        """Undoes the withdrawal of a correction, which is again what it was before.

        Raises:
            LedgerError: it is not withdrawn, was ever in a served version, or was said again since.
        """
        with self._database.writing() as connection:
            correction = store.read_corrections_by_id(connection, [correction_id])[correction_id]
            before = correction.withdrawn_from
            if before is None:
                rules.check_move(correction, State.PROPOSED)
            assert before is not None, "what was not withdrawn has been refused"
            for one in store.read_corrections(connection, video_id=correction.video_id):
                if one.says_again(correction):
                    raise LedgerError(
                        f"Correction {correction_id} was said again since it was withdrawn, as {one.id}, which is "
                        f"{one.state.value!r}. There is nothing to undo."
                    )
            return _append(connection, correction, Event(before, self._now(), by))

    def corrections(self, state: State | str | None = None, video_id: str | None = None) -> tuple[Correction, ...]:
        """The corrections, oldest first: all, or those in one state or of one video."""
        wanted = None if state is None else _state(state)
        with self._database.reading() as connection:
            return store.read_corrections(connection, state=wanted, video_id=video_id)

    def correction(self, correction_id: str) -> Correction:
        """One correction; LedgerError if there is none of that id."""
        with self._database.reading() as connection:
            return store.read_corrections_by_id(connection, [correction_id])[correction_id]

    # Versions

    def record_version(
        self,
        version: str,
        *,
        parent: str | None,
        corrections: Sequence[str] = (),
        by: str,
        verdict: str = "",
        settings: Mapping[str, str | float | bool | None] | None = None,
        serve: bool = True,
        revoked: Collection[str] = (),
        captions: Mapping[str, str] | None = None,
    ) -> Version:
        """Writes down a version of the model (see `Version`) and, by default, that it is served from now on.

        Args:
            corrections: ids of what it adds to its parent's, in the order in which they were applied: those of a
                candidate, or live ones that it was rebuilt with.
            serve: False where the version is pushed later; `serve` then says that it was.
            revoked, captions: as in `serve`.
        Raises:
            LedgerError: the name is taken, a parent or correction is missing or not in a candidate, or `serve` refuses.
        """
        recorded = exchange.check_record(
            Version(version, parent, tuple(corrections), self._now(), by, verdict, dict(settings or {}))
        )
        with self._database.writing() as connection:
            _record(connection, recorded)
            if serve:
                _serve(connection, version, recorded.time, by, revoked, captions or {})
        return recorded

    def serve(
        self, version: str, *, by: str, revoked: Collection[str] = (), captions: Mapping[str, str] | None = None
    ) -> None:
        """Writes down that a recorded version is served from now on: its corrections are live, no others.

        A version that was served before may come back, and its corrections with it, revoked ones too. The same
        call again changes nothing.

        Args:
            revoked: ids of exactly those live corrections that are not in the version. They are named so that one that
                went live meanwhile, with another version, is not lost.
            captions: correction id -> the caption of its video by this version.
        Raises:
            LedgerError: there is no such version, `revoked` is not what the version leaves out, or one of its
                corrections was taken out of its batch, or revoked, before it was ever served.
        """
        with self._database.writing() as connection:
            _serve(connection, version, self._now(), by, revoked, captions or {})

    def served(self) -> Version | None:
        """The version that is served; None before the first."""
        with self._database.reading() as connection:
            servings = store.read_servings(connection)
            return store.read_versions(connection)[servings[-1].version] if servings else None

    def servings(self) -> tuple[Serving, ...]:
        """What was served since when, and who asked for it, oldest first."""
        with self._database.reading() as connection:
            return store.read_servings(connection)

    def versions(self) -> tuple[Version, ...]:
        """Every version that was recorded, oldest first."""
        with self._database.reading() as connection:
            return tuple(store.read_versions(connection).values())

    def rebuild(self, version: str) -> tuple[RebuildStep, ...]:
        """How a version is made again, step by step from the model that training left; LedgerError if there is none."""
        with self._database.reading() as connection:
            line = rules.trace_lineage(version, store.read_versions(connection))
            found = store.read_corrections_by_id(connection, [item for step in line for item in step.corrections])
        return tuple(RebuildStep(step, tuple(found[item] for item in step.corrections)) for step in line)

    # The whole ledger

    def disagreements(self) -> tuple[str, ...]:
        """What in the ledger contradicts the rest of it: nothing, unless another program wrote to its tables."""
        with self._database.reading() as connection:
            return tuple(
                f"{what.kind} {what.key}: {reason}"
                for what, reason in rules.find_disagreements(exchange.read_everything(connection).values())
            )

    def export_lines(self) -> tuple[str, ...]:
        """The whole ledger as lines of JSON, each of which follows `schemas/correction.schema.json`."""
        with self._database.reading() as connection:
            records = exchange.read_everything(connection).values()
        return tuple(json.dumps(record.to_json(), ensure_ascii=False) for record in records)

    def import_lines(self, file: BinaryIO | Iterable[bytes]) -> int:
        """Takes in an export, of this ledger or another; what is there already is not taken twice.

        Args:
            file: JSON Lines, opened for reading bytes.
        Returns:
            How many lines brought something new.
        Raises:
            LedgerError: a line is no record, or contradicts the ledger or another line. All such lines are named, and
                nothing is taken in.
        """
        incoming = exchange.parse_lines(file)
        with self._database.writing() as connection:
            return exchange.merge(connection, incoming)


def _state(name: State | str) -> State:
    try:
        return State(name)
    except ValueError:
        raise LedgerError(f"No state is called {name!r}; there are {', '.join(map(repr, map(str, State)))}.") from None


def _append(connection: Connection, correction: Correction, event: Event) -> Correction:
    """Adds an event to a correction that was read in this transaction; returns what it is now."""
    moved = exchange.check_record(replace(correction, events=(*correction.events, event)))
    store.append(connection, moved, known=correction)
    return moved


def _record(connection: Connection, version: Version) -> None:
    """Adds a version; see `Ledger.record_version`."""
    versions = store.read_versions(connection)
    if version.version in versions:
        taken = versions[version.version]
        raise LedgerError(
            f"Version {version.version!r} was recorded by {taken.by} at {taken.time:%Y-%m-%d %H:%M:%S} UTC already. "
            "A version never changes: give the new one another name."
        )
    added = store.read_corrections_by_id(connection, version.corrections)
    content = rules.list_carried(version.version, {**versions, version.version: version})
    for fault in rules.find_faults(version, content, added):
        raise LedgerError(f"Version {version.version!r} cannot be: {fault}.")
    for correction in added.values():
        if correction.state not in (State.IN_CANDIDATE, State.LIVE):
            rules.check_move(correction, State.LIVE)
    store.append(connection, version)


def _serve(
    connection: Connection, version: str, time: datetime, by: str, revoked: Collection[str], captions: Mapping[str, str]
) -> None:
    """Adds that a version is served, and what that does to corrections; see `Ledger.serve`."""
    servings = store.read_servings(connection)
    content = rules.list_carried(version, store.read_versions(connection))
    if servings and servings[-1].version == version:
        return
    live = {correction.id: correction for correction in store.read_corrections(connection, state=State.LIVE)}
    lost = live.keys() - set(content)
    _check_revocations(version, lost, set(revoked), servings)
    gained = store.read_corrections_by_id(connection, [item for item in content if item not in live])
    if version not in {serving.version for serving in servings}:  # one that comes back brings all of its own back
        for correction in gained.values():
            if correction.state is not State.IN_CANDIDATE:
                rules.check_move(correction, State.LIVE)
    store.append(connection, exchange.check_record(Serving(len(servings) + 1, version, time, by)))
    for correction in gained.values():
        _append(connection, correction, Event(State.LIVE, time, by, captions.get(correction.id), version))
    for correction_id in sorted(lost):
        event = Event(State.REVOKED, time, by, captions.get(correction_id), version)
        _append(connection, live[correction_id], event)


def _check_revocations(version: str, lost: set[str], named: set[str], servings: Sequence[Serving]) -> None:
    """Raises LedgerError unless exactly those corrections are named that would cease to be live."""
    reasons = []
    if lost - named:
        reasons.append(
            f"it lacks the live correction(s) {', '.join(sorted(lost - named))}: build it on version "
            f"{servings[-1].version!r}, which is served now, or name them as revoked"
        )
    if named - lost:
        reasons.append(f"it does not revoke {', '.join(sorted(named - lost))}: not live, or in this version too")
    if reasons:
        raise LedgerError(f"Version {version!r} cannot be served so: {'; '.join(reasons)}.")
