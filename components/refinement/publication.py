"""One version takes another's place, and the states of corrections follow, within one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from topiclens.components.refinement import exchange, rules, store
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import Correction, Event, Serving, State, Version


def append(connection: Connection, correction: Correction, event: Event) -> Correction:
    """Adds an event to a correction that was read in this transaction, and returns what it is now."""
    moved = exchange.check_record(replace(correction, events=(*correction.events, event)))
    store.add_events(connection, moved, after=len(correction.events))
    return moved


def record(connection: Connection, version: Version) -> None:
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
    store.add_version(connection, version)


def serve(
    connection: Connection,
    version: str,
    time: datetime,
    by: str,
    revoked: Collection[str],
    captions: Mapping[str, str],
) -> None:
    """Adds that a version is served, and what that does to corrections; see `Ledger.serve`."""
    servings = store.read_servings(connection)
    content = rules.list_carried(version, store.read_versions(connection))
    if servings and servings[-1].version == version:
        return
    live = {correction.id: correction for correction in store.read_corrections(connection, store.in_state(State.LIVE))}
    lost = live.keys() - set(content)
    _check_revocations(version, lost, set(revoked), servings)
    gained = store.read_corrections_by_id(connection, [item for item in content if item not in live])
    if version not in {serving.version for serving in servings}:  # one that comes back brings all of its own back
        for correction in gained.values():
            if correction.state is not State.IN_CANDIDATE:
                rules.check_move(correction, State.LIVE)
    store.add_serving(connection, exchange.check_record(Serving(len(servings) + 1, version, time, by)))
    for correction in gained.values():
        append(connection, correction, Event(State.LIVE, time, by, captions.get(correction.id), version))
    for correction_id in sorted(lost):
        event = Event(State.REVOKED, time, by, captions.get(correction_id), version)
        append(connection, live[correction_id], event)


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
