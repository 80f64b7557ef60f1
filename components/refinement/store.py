"""The ledger's records, as rows of its tables: read in one moment, and appended.

The database itself refuses every update and deletion. Moments are texts (`schemas.plain.time_text`), so that a row
reads the same in every database and in an export.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    insert,
    select,
)

from topiclens.components.refinement.database import refuse_changes
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import Assignment, Correction, Look, Record, Serving, State, Version, WrittenCaption
from topiclens.schemas.plain import from_plain

METADATA = MetaData()


def _texts(*names: str) -> list[Column]:
    return [Column(name, Text, nullable=False) for name in names]


def _later(name: str, target: str) -> Column:
    """A foreign key that is checked where the transaction ends, so that the order of its rows is free."""
    return Column(name, Text, ForeignKey(target, deferrable=True, initially="DEFERRED"))


def _counted(name: str, *checks: CheckConstraint) -> Column:
    return Column(name, Integer, *checks, primary_key=True, autoincrement=False)


CORRECTIONS = Table(
    "corrections",
    METADATA,
    Column("id", Text, primary_key=True),
    *_texts("time", "author"),
    Column("video_id", Text, nullable=False, index=True),
    *_texts("content"),
    Column("topic_id", Integer, nullable=False),
    *_texts("topic_name"),
    Column("topic_words", JSON, nullable=False),
    *_texts("caption_before", "model_before"),
)
# The seconds of those that are meant for a stretch of their video; in a table of its own, which older ledgers gain.
STRETCHES = Table(
    "correction_stretches",
    METADATA,
    Column("correction_id", Text, ForeignKey("corrections.id"), primary_key=True),
    Column("start_s", Double, nullable=False),
    Column("end_s", Double, nullable=False),
)
# A correction's state is that of its event with the highest number. Two writers cannot both write the next one.
EVENTS = Table(
    "correction_events",
    METADATA,
    Column("correction_id", Text, ForeignKey("corrections.id"), primary_key=True),
    _counted("number", CheckConstraint("number > 0")),
    *_texts("state", "time", "by"),
    Column("caption", Text),
    _later("version", "versions.version"),
)
VERSIONS = Table(
    "versions",
    METADATA,
    Column("version", Text, primary_key=True),
    _later("parent", "versions.version"),
    *_texts("time", "by", "verdict"),
    Column("settings", JSON, nullable=False),
)
VERSION_CORRECTIONS = Table(
    "version_corrections",
    METADATA,
    Column("version", Text, ForeignKey("versions.version"), primary_key=True),
    _counted("position"),
    Column("correction_id", Text, ForeignKey("corrections.id"), nullable=False),
)
SERVINGS = Table(
    "servings",
    METADATA,
    _counted("number", CheckConstraint("number > 0")),
    Column("version", Text, ForeignKey("versions.version"), nullable=False),
    *_texts("time", "by"),
)
# Of a person, a video and a version the look with the highest number counts; a table that older ledgers gain.
LOOKS = Table(
    "looks",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in ("by", "video_id", "version")),
    _counted("number", CheckConstraint("number > 0")),
    *_texts("content", "caption", "opinion", "time"),
)
# Of a video the assignment with the highest number counts.
ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("video_id", Text, primary_key=True),
    _counted("number", CheckConstraint("number > 0")),
    Column("to", Text),
    *_texts("by", "time"),
)
# As of looks.
WRITTEN_CAPTIONS = Table(
    "written_captions",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in ("by", "video_id", "version")),
    _counted("number", CheckConstraint("number > 0")),
    *_texts("content", "split", "text", "time"),
    Column("withdrawn_by", Text),
)
refuse_changes(METADATA)

_C, _E, _S, _L, _A, _W = CORRECTIONS.c, EVENTS.c, STRETCHES.c, LOOKS.c, ASSIGNMENTS.c, WRITTEN_CAPTIONS.c
_ID = re.compile("[0-9a-f]{32}")


def read_corrections(
    connection: Connection,
    *,
    state: State | None = None,
    video_id: str | None = None,
    ids: Collection[str] | None = None,
) -> tuple[Correction, ...]:
    """The corrections in a state, of a video or with some ids, where that is asked; oldest first."""
    joined = CORRECTIONS.outerjoin(EVENTS).outerjoin(STRETCHES, _S.correction_id == _C.id)
    query = select(CORRECTIONS, EVENTS, STRETCHES).select_from(joined)
    if state is not None:
        its = EVENTS.alias().c
        last = select(its.state).where(its.correction_id == _C.id).order_by(its.number.desc()).limit(1)
        reached = func.coalesce(last.correlate(CORRECTIONS).scalar_subquery(), State.PROPOSED.value)
        query = query.where(reached == state.value)
    if video_id is not None:
        query = query.where(_C.video_id == video_id)
    if ids is not None:
        query = query.where(_C.id.in_(ids))
    rows = connection.execute(query.order_by(_C.time, _C.id, _E.number)).mappings()
    return tuple(_correction(list(group)) for _, group in itertools.groupby(rows, key=lambda row: row[_C.id]))


def read_corrections_by_id(connection: Connection, ids: Collection[str]) -> dict[str, Correction]:
    """The corrections with these ids; LedgerError where an id is of no correction."""
    possible = [correction_id for correction_id in ids if _ID.fullmatch(correction_id)]
    found = {correction.id: correction for correction in read_corrections(connection, ids=possible)}
    for correction_id in ids:
        if correction_id not in found:
            raise LedgerError(f"No correction has the id {correction_id[:40]!r}. `corrections` lists those there are.")
    return found


def read_versions(connection: Connection) -> dict[str, Version]:
    """Every version by its name, oldest first."""
    carried: dict[str, list[str]] = {}
    for row in connection.execute(select(VERSION_CORRECTIONS).order_by(VERSION_CORRECTIONS.c.position)):
        carried.setdefault(row.version, []).append(row.correction_id)
    rows = connection.execute(select(VERSIONS).order_by(VERSIONS.c.time, VERSIONS.c.version)).mappings()
    found = [from_plain(Version, {**row, "corrections": carried.get(row["version"], [])}) for row in rows]
    return {version.version: version for version in found}


def read_servings(connection: Connection) -> tuple[Serving, ...]:
    """What was served, oldest first; the last is served now."""
    rows = connection.execute(select(SERVINGS).order_by(SERVINGS.c.number)).mappings()
    return tuple(from_plain(Serving, row) for row in rows)


def read_looks(connection: Connection, key: tuple[str, str, str] | None = None) -> tuple[Look, ...]:
    """The looks that count, oldest first: all, or that of a person at a video by a version."""
    query = select(LOOKS).order_by(_L.number)
    if key is not None:
        query = query.where(*(column == value for column, value in zip((_L.by, _L.video_id, _L.version), key)))
    found = (from_plain(Look, row) for row in connection.execute(query).mappings())
    return tuple(sorted({look.key: look for look in found}.values(), key=lambda look: (look.time, look.key)))


def read_assignments(connection: Connection) -> tuple[Assignment, ...]:
    """The assignments that count, by the videos' ids."""
    rows = connection.execute(select(ASSIGNMENTS).order_by(_A.video_id, _A.number)).mappings()
    return tuple({row["video_id"]: from_plain(Assignment, row) for row in rows}.values())


def read_written_captions(connection: Connection, video_id: str | None = None) -> tuple[WrittenCaption, ...]:
    """The written captions that count, those withdrawn among them, oldest first: all, or those of a video."""
    query = select(WRITTEN_CAPTIONS).order_by(_W.number)
    if video_id is not None:
        query = query.where(_W.video_id == video_id)
    found = (from_plain(WrittenCaption, row) for row in connection.execute(query).mappings())
    return tuple(sorted({one.key: one for one in found}.values(), key=lambda one: (one.time, one.key)))


def append(connection: Connection, record: Record, known: Correction | None = None) -> None:
    """Appends a record; of a correction that is `known`, the events that it has beyond those."""
    row = record.to_json()
    match record:
        case Correction():
            there = 0 if known is None else len(known.events)
            if known is None:
                topic = {f"topic_{name}": value for name, value in row["topic"].items()}
                _insert(connection, CORRECTIONS, row | topic)
                if record.stretch is not None:
                    _insert(connection, STRETCHES, {**row["stretch"], "correction_id": record.id})
            for number, event in enumerate(row["events"][there:], start=there + 1):
                _insert(connection, EVENTS, {**event, "correction_id": record.id, "number": number})
        case Version():
            _insert(connection, VERSIONS, row)
            for position, correction_id in enumerate(record.corrections):
                place = {"version": record.version, "position": position, "correction_id": correction_id}
                _insert(connection, VERSION_CORRECTIONS, place)
        case Serving():
            _insert(connection, SERVINGS, row)
        case Look():
            its = [column == value for column, value in zip((_L.by, _L.video_id, _L.version), record.key)]
            _insert(connection, LOOKS, {**row, "number": _next_number(connection, _L.number, its)})
        case WrittenCaption():
            its = [column == value for column, value in zip((_W.by, _W.video_id, _W.version), record.key)]
            _insert(connection, WRITTEN_CAPTIONS, {**row, "number": _next_number(connection, _W.number, its)})
        case Assignment():
            its = [_A.video_id == record.video_id]
            _insert(connection, ASSIGNMENTS, {**row, "number": _next_number(connection, _A.number, its)})


def _next_number(connection: Connection, number: Column, its: Sequence[ColumnElement[bool]]) -> int:
    return 1 + (connection.execute(select(func.max(number)).where(*its)).scalar() or 0)


def _insert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Adds a row out of a record's JSON; what is no column of the table is left out."""
    connection.execute(insert(table).values({column.name: row[column.name] for column in table.c}))


def _correction(rows: list) -> Correction:
    """A correction out of its row, repeated beside each of its events (or beside none)."""
    row = {column.name: rows[0][column] for column in _C}
    topic = {name: row[f"topic_{name}"] for name in ("id", "name", "words")}
    events = [{column.name: one[column] for column in _E} for one in rows if one[_E.number] is not None]
    stretch = None if rows[0][_S.start_s] is None else {name: rows[0][_S[name]] for name in ("start_s", "end_s")}
    return from_plain(Correction, {**row, "topic": topic, "events": events, "stretch": stretch})
