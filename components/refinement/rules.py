"""What holds in every ledger: how corrections may move, and that the live ones are those of the served version."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from topiclens.schemas.corrections import Correction, Record, Serving, State, Version


class LedgerError(ValueError):
    """The ledger cannot be reached, or refuses; the message says what was expected, what came and what to do."""


# What a person or a step may do to a correction, beside undoing a withdrawal (`Correction.withdrawn_from`). What a
# batch is made without goes back from IN_CANDIDATE to PREVIEWED.
MOVES: Mapping[State, tuple[State, ...]] = {
    State.PROPOSED: (State.PREVIEWED, State.REVOKED),
    State.PREVIEWED: (State.IN_CANDIDATE, State.REVOKED),
    State.IN_CANDIDATE: (State.PREVIEWED, State.REFUSED, State.REVOKED),
    State.REFUSED: (State.IN_CANDIDATE, State.REVOKED),
    State.LIVE: (),
    State.REVOKED: (),
}
# What the serving of a version does to corrections. REVOKED turns LIVE again where an earlier version comes back.
SERVING_MOVES: Mapping[State, tuple[State, ...]] = {
    State.PROPOSED: (),
    State.PREVIEWED: (),
    State.IN_CANDIDATE: (State.LIVE,),
    State.REFUSED: (),
    State.LIVE: (State.REVOKED,),
    State.REVOKED: (State.LIVE,),
}


def check_move(correction: Correction, to: State) -> None:
    """Raises LedgerError where a correction may not go to a state; it says who moved it last, and what may be done."""
    if to in MOVES[correction.state]:
        return
    last = correction.history[-1]
    allowed = " or ".join(repr(state.value) for state in MOVES[correction.state])
    remedy = {
        State.LIVE: "It leaves the served model with the next version: serve one that is built without it.",
        State.REVOKED: "Where it was in no version, its withdrawal can be undone; or else propose it again.",
    }.get(correction.state, f"It can become {allowed}.")
    if to is State.LIVE and correction.state is State.IN_CANDIDATE:
        remedy = "It goes live with the version that carries it: record and serve that."
    raise LedgerError(
        f"Correction {correction.id} cannot become {to.value!r}: it is {last.state.value!r}, by {last.by} at "
        f"{last.time:%Y-%m-%d %H:%M:%S} UTC. {remedy}"
    )


def trace_lineage(version: str, versions: Mapping[str, Version]) -> tuple[Version, ...]:
    """A version's ancestors, the one that training left first, and itself last; LedgerError if one is not recorded."""
    line: list[Version] = []
    wanted: str | None = version
    while wanted is not None:
        if wanted not in versions:
            heir = f", the parent of version {line[-1].version!r}," if line else ""
            raise LedgerError(f"Version {wanted!r}{heir} is not in the ledger. Record it first; `versions` lists all.")
        if len(line) > len(versions):
            raise LedgerError(f"Version {version!r} is its own ancestor: its parents go round in a circle.")
        line.append(versions[wanted])
        wanted = versions[wanted].parent
    return tuple(reversed(line))


def list_carried(version: str, versions: Mapping[str, Version]) -> tuple[str, ...]:
    """The ids of all corrections in a version, its ancestors' first, each in the order in which it was applied."""
    return tuple(itertools.chain.from_iterable(step.corrections for step in trace_lineage(version, versions)))


def find_faults(version: Version, content: tuple[str, ...], corrections: Mapping[str, Correction]) -> Iterator[str]:
    """What is wrong with a version, given the ids of all corrections in it (`list_carried`), and all corrections."""
    if version.parent is None and version.corrections:
        yield "it has no parent and thus no corrections: without a parent, a version is as training left it"
    if len(set(content)) < len(content):
        twice = next(item for item in content if content.count(item) > 1)
        yield f"correction {twice} is in it twice, with its ancestors' counted"
    for correction_id in version.corrections:
        if correction_id not in corrections:
            yield f"correction {correction_id} is in it and not in the ledger"


def find_disagreements(records: Collection[Record]) -> Iterator[tuple[Record, str]]:
    """Yields each record of a whole ledger that contradicts the rest, with what is wrong with it."""
    corrections = {record.id: record for record in records if isinstance(record, Correction)}
    versions = {record.version: record for record in records if isinstance(record, Version)}
    servings = sorted((one for one in records if isinstance(one, Serving)), key=lambda serving: serving.number)
    contents: dict[str, tuple[str, ...]] = {}
    for version in versions.values():
        try:
            contents[version.version] = list_carried(version.version, versions)
        except LedgerError as error:
            yield version, str(error)
            continue
        yield from ((version, reason) for reason in find_faults(version, contents[version.version], corrections))
    for serving in servings:
        if serving.version not in versions:
            yield serving, f"version {serving.version!r} is served and not in the ledger"
    if [serving.number for serving in servings] != list(range(1, len(servings) + 1)):
        yield servings[-1], f"servings must be numbered from 1 to {len(servings)} without a gap"
    served = servings[-1].version if servings else None
    live = set(contents.get(served, ())) if served else set()
    for correction in corrections.values():
        yield from ((correction, reason) for reason in _faults_of_events(correction, contents))
        if (correction.state is State.LIVE) != (correction.id in live):
            has = "has" if correction.id in live else "does not have"
            yield correction, f"it is {correction.state.value!r}, and the served version {served!r} {has} it"


def _faults_of_events(correction: Correction, contents: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for number, (before, event) in enumerate(itertools.pairwise(correction.history)):
        moves = (MOVES if event.version is None else SERVING_MOVES)[before.state]
        if before.state is State.REVOKED and event.version is None:
            moves = tuple(filter(None, [replace(correction, events=correction.events[:number]).withdrawn_from]))
        if event.state not in moves:
            how = "by a person" if event.version is None else f"with version {event.version!r}"
            yield f"it went from {before.state.value!r} to {event.state.value!r} {how}, which cannot be"
        elif event.version is not None and event.version not in contents:
            yield f"version {event.version!r} of its events is not in the ledger"
        elif event.version is not None and (correction.id in contents[event.version]) != (event.state is State.LIVE):
            has = "does not have" if event.state is State.LIVE else "has"
            yield f"it became {event.state.value!r} with version {event.version!r}, which {has} it"
