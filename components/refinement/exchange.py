"""The ledger as JSON Lines, checked line by line against ``schemas/correction.schema.json`` and as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeVar

from sqlalchemy import Connection

from topiclens.components.common import json_schema
from topiclens.components.refinement import rules, store
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import Assignment, Correction, Look, Record, Serving, Version, WrittenCaption
from topiclens.schemas.plain import from_plain

MAX_LINE_BYTES = 4 * 2**20
_SHOWN_FAULTS = 20
_SCHEMA = "correction.schema.json"
_RECORDS: dict[str, type[Record]] = {
    record.kind: record for record in (Correction, Version, Serving, Look, Assignment, WrittenCaption)
}
_REPLACED = Look, Assignment, WrittenCaption  # by what is said later of the same
_Kind = TypeVar("_Kind", Correction, Version, Serving, Look, Assignment, WrittenCaption)


def check_record(record: _Kind) -> _Kind:
    """The record, where it follows the schema; LedgerError names the field that does not."""
    row = record.to_json()
    fault = _json_fault(row) or json_schema.find_fault(row, json_schema.load_validator(_SCHEMA, record.kind))
    if fault is not None:
        raise LedgerError(f"This {record.kind} cannot be written: {fault}")
    return record


def parse_lines(file: BinaryIO | Iterable[bytes]) -> dict[int, Record]:
    """Line number -> the record on it, without empty lines; LedgerError names each faulty line, and why."""
    incoming: dict[int, Record] = {}
    faults: dict[int, str] = {}
    for number, line in enumerate(_bounded_lines(file), start=1):
        if not line.strip():
            continue
        try:
            incoming[number] = _parse(line)
        except ValueError as error:
            faults[number] = str(error)
            if len(faults) > _SHOWN_FAULTS:
                break
    _raise(faults)
    return incoming


def merge(connection: Connection, incoming: dict[int, Record]) -> int:
    """Appends what the ledger lacks; returns how many lines did. LedgerError names the lines that contradict it."""
    there = read_everything(connection)
    lines: dict[tuple, int] = {}
    faults: dict[int, str] = {}
    news: list[tuple[Record, Correction | None]] = []
    for number, record in incoming.items():
        key = (record.kind, record.key)
        known = there.get(key)
        if key in lines:
            faults[number] = f"it is the same {record.kind} as on line {lines[key]}. Keep one of the two."
        elif known is None or _goes_on(known, record):
            news.append((record, known if isinstance(known, Correction) else None))
            there[key] = record
        elif not _goes_on(record, known) and record != known:
            faults[number] = (
                f"{record.kind} {record.key!r} is in the ledger, and another: {_differing_fields(known, record)} "
                "differ. Take the line out, or import into a new ledger."
            )
        lines.setdefault(key, number)
    for record, reason in rules.find_disagreements(there.values()):
        number = lines.get((record.kind, record.key), 0)
        faults.setdefault(number, f"{record.kind} {record.key!r}: {reason}. Import the whole export, unchanged.")
    _raise(faults)
    for record, known in sorted(news, key=lambda pair: list(_RECORDS).index(pair[0].kind)):
        store.append(connection, record, known)
    return len(news)


def read_everything(connection: Connection) -> dict[tuple, Record]:
    """All records of the ledger by kind and key."""
    corrections, versions = store.read_corrections(connection), store.read_versions(connection)
    work: tuple[Record, ...] = (
        *store.read_looks(connection), *store.read_assignments(connection), *store.read_written_captions(connection)
    )  # fmt: skip
    held: tuple[Record, ...] = (*corrections, *versions.values(), *store.read_servings(connection), *work)
    return {(record.kind, record.key): record for record in held}


def _parse(line: bytes) -> Record:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes. A line holds one record of the ledger.")
    row = json_schema.decode_line(line)
    kind = row.get("kind") if isinstance(row, dict) else None
    if not isinstance(kind, str) or kind not in _RECORDS:
        known = ", ".join(map(repr, _RECORDS))
        raise ValueError(f"`kind` is {json_schema.shorten(kind)}; expected one of {known}. Write it as an export does.")
    fault = json_schema.find_fault(row, json_schema.load_validator(_SCHEMA, kind))
    if fault is not None:
        raise ValueError(f"{fault} Correct the field.")
    record = from_plain(_RECORDS[kind], row)
    for field, value in record.to_json().items():
        if row[field] != value:
            shown, said = json_schema.shorten(row[field]), json_schema.shorten(value)
            raise ValueError(f"`{field}` is {shown}, and its events say {said}. Correct one of the two.")
    return record


def _bounded_lines(file: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file, none of them read much beyond the limit."""
    if not hasattr(file, "readline"):
        yield from file
        return
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)


def _goes_on(known: Record, record: Record) -> bool:
    """Whether a record is a known correction with more that became of it, or a later word about the same."""
    if isinstance(known, _REPLACED) and isinstance(record, _REPLACED):
        return record.time > known.time
    if not (isinstance(known, Correction) and isinstance(record, Correction)):
        return False
    count = len(known.events)
    return len(record.events) > count and _fixed(known) == _fixed(record) and record.events[:count] == known.events


def _fixed(correction: Correction) -> dict:
    derived = ("events", "state", "caption_after", "model_after")
    return {name: value for name, value in correction.to_json().items() if name not in derived}


def _differing_fields(one: Record, other: Record) -> str:
    first, second = one.to_json(), other.to_json()
    return ", ".join(f"`{name}`" for name in {**first, **second} if first.get(name) != second.get(name))


def _raise(faults: dict[int, str]) -> None:
    if not faults:
        return
    shown = [f"line {number}: {words}" if number else words for number, words in sorted(faults.items())[:_SHOWN_FAULTS]]
    more = [f"and more than {_SHOWN_FAULTS} in all"] if len(faults) > _SHOWN_FAULTS else []
    raise LedgerError("\n".join(["Nothing was imported.", *shown, *more]))


def _json_fault(row: dict) -> str | None:
    """What JSON has no form for, and thus no database either."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeError:
        return "a text holds half of a surrogate pair, which is no character."
    except ValueError as error:
        return f"a number cannot be written as JSON ({error})."
    return None
