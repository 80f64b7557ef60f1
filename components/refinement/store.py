"""The ledger's records, as rows of its tables: read in one moment, and appended."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select

from topiclens.components.refinement.rules import LedgerError
from topiclens.components.refinement.tables import CORRECTIONS, EVENTS, SERVINGS, VERSION_CORRECTIONS, VERSIONS
from topiclens.schemas.corrections import CorrectedTopic, Correction, Event, Serving, State, Version
from topiclens.schemas.plain import time_of

_C, _E = CORRECTIONS.c, EVENTS.c
_ID = re.compile("[0-9a-f]{32}")


def in_state(state: State) -> ColumnElement[bool]:
    """The condition that a correction's last event, or its proposal, left it in a state."""
    its = EVENTS.alias().c
    last = select(its.state).where(its.correction_id == _C.id).order_by(its.number.desc()).limit(1)
    return func.coalesce(last.correlate(CORRECTIONS).scalar_subquery(), State.PROPOSED.value) == state.value


def of_video(video_id: str) -> ColumnElement[bool]:
    """The condition that a correction is one of a video."""
    return _C.video_id == video_id


def read_corrections(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Correction, ...]:
    """The corrections that meet all conditions, oldest first."""
    query = select(CORRECTIONS, EVENTS).select_from(CORRECTIONS.outerjoin(EVENTS)).where(*conditions)
    rows = connection.execute(query.order_by(_C.time, _C.id, _E.number)).mappings()
    return tuple(_correction(list(group)) for _, group in itertools.groupby(rows, key=lambda row: row[_C.id]))


def read_corrections_by_id(connection: Connection, ids: Collection[str]) -> dict[str, Correction]:
    """The corrections with these ids.

    Raises:
        LedgerError: an id is of no correction.
    """
    possible = [correction_id for correction_id in ids if _ID.fullmatch(correction_id)]
    found = {correction.id: correction for correction in read_corrections(connection, _C.id.in_(possible))}
    for correction_id in ids:
        if correction_id not in found:
            raise LedgerError(f"No correction has the id {correction_id[:40]!r}. `corrections` lists those there are.")
    return found


def read_versions(connection: Connection) -> dict[str, Version]:
    """Every version by its name, oldest first."""
    carried: dict[str, list[str]] = {}
    for row in connection.execute(select(VERSION_CORRECTIONS).order_by(VERSION_CORRECTIONS.c.position)):
        carried.setdefault(row.version, []).append(row.correction_id)
    return {
        row.version: Version(
            version=row.version,
            parent=row.parent,
            corrections=tuple(carried.get(row.version, ())),
            time=time_of(row.time),
            by=row.by,
            verdict=row.verdict,
            settings=row.settings,
        )
        for row in connection.execute(select(VERSIONS).order_by(VERSIONS.c.time, VERSIONS.c.version))
    }


def read_servings(connection: Connection) -> tuple[Serving, ...]:
    """What was served, oldest first; the last is served now."""
    rows = connection.execute(select(SERVINGS).order_by(SERVINGS.c.number))
    return tuple(Serving(row.number, row.version, time_of(row.time), row.by) for row in rows)


def add_correction(connection: Connection, correction: Correction) -> None:
    row = correction.to_json()
    _insert(connection, CORRECTIONS, row | {f"topic_{name}": value for name, value in row["topic"].items()})
    add_events(connection, correction, after=0)


def add_events(connection: Connection, correction: Correction, after: int) -> None:
    """Appends a correction's events to the `after` of them that are there."""
    for number, event in enumerate(correction.to_json()["events"][after:], start=after + 1):
        _insert(connection, EVENTS, {**event, "correction_id": correction.id, "number": number})


def add_version(connection: Connection, version: Version) -> None:
    row = version.to_json()
    _insert(connection, VERSIONS, row)
    for position, correction_id in enumerate(row["corrections"]):
        place = {"version": version.version, "position": position, "correction_id": correction_id}
        _insert(connection, VERSION_CORRECTIONS, place)


def add_serving(connection: Connection, serving: Serving) -> None:
    _insert(connection, SERVINGS, serving.to_json())


def _insert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Adds a row out of a record's JSON; what is no column of the table is left out."""
    connection.execute(insert(table).values({column.name: row[column.name] for column in table.c}))


def _correction(rows: list) -> Correction:
    """A correction out of its row, repeated beside each of its events (or beside none)."""
    row = rows[0]
    return Correction(
        id=row[_C.id],
        time=time_of(row[_C.time]),
        author=row[_C.author],
        video_id=row[_C.video_id],
        content=row[_C.content],
        topic=CorrectedTopic(row[_C.topic_id], row[_C.topic_name], tuple(row[_C.topic_words])),
        caption_before=row[_C.caption_before],
        model_before=row[_C.model_before],
        events=tuple(
            Event(State(row[_E.state]), time_of(row[_E.time]), row[_E.by], row[_E.caption], row[_E.version])
            for row in rows
            if row[_E.number] is not None
        ),
    )
