"""What people decided about topics: new names, topics to merge or to ban, words that are pinned to a topic.

The file is JSON that follows `schemas/governance.schema.json`. `decisions` makes new ones, `apply_governance` applies
them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from topiclens.components.common import json_schema
from topiclens.schemas.files import write_json
from topiclens.schemas.plain import from_plain, to_plain

FILE = "governance.json"
_SCHEMA = "governance.schema.json"


class GovernanceError(ValueError):
    """Decisions that cannot be read or contradict each other; the message says which, and what to do."""


@dataclass(frozen=True)
class SeedWords:
    """Words, as captions use them, that are looked for as one topic; see `topiclens.components.topics.priors.Seed`.

    `topic` is the id of the topic that they are pinned to; None asks for a new topic.
    """

    name: str
    words: tuple[str, ...]
    topic: int | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Remembered:
    """A topic as it was when something was decided about it."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Governance:
    """All decisions about the topics of a run, by topic id.

    Attributes:
        rename: id -> name.
        merge: groups of ids; each counts as the first of its group.
        ban: ids of topics that occur in no video.
        topics: what these topics were about when they were decided upon, by id.
    Raises:
        GovernanceError: decisions contradict each other.
    """

    rename: Mapping[int, str] = field(default_factory=dict)
    merge: tuple[tuple[int, ...], ...] = ()
    ban: tuple[int, ...] = ()
    seeds: tuple[SeedWords, ...] = ()
    topics: Mapping[int, Remembered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, values in (
            ("The topic {} is in more than one group to merge, or in one and banned", [*_flat(self.merge), *self.ban]),
            ("The name {!r} is given to more than one topic", [name.casefold() for name in self.rename.values()]),
            ("The name {!r} is given to more than one seed", [seed.name.casefold() for seed in self.seeds]),
            ("The word {!r} is pinned to more than one topic", _flat(seed.words for seed in self.seeds)),
            ("Words are pinned to the topic {} more than once",
             [seed.topic for seed in self.seeds if seed.topic is not None]),
        ):  # fmt: skip
            if twice := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
                raise GovernanceError(f"{what.format(twice[0])}. Keep one, or take it back with --undo.")

    def __bool__(self) -> bool:
        return bool(self.rename or self.merge or self.ban or self.seeds)

    @property
    def names(self) -> Governance:
        """The decisions about names, which change nothing that is trained."""
        return self.with_memory(Governance(rename=self.rename))

    @property
    def sampling(self) -> Governance:
        """The decisions that change which topics occur in which videos."""
        return self.with_memory(Governance(merge=self.merge, ban=self.ban, seeds=self.seeds))

    def with_memory(self, part: Governance) -> Governance:
        """Some of these decisions, with what is remembered of the topics that they name."""
        used = {*part.rename, *_flat(part.merge), *part.ban, *(seed.topic for seed in part.seeds)}
        topics = {number: topic for number, topic in self.topics.items() if number in used}
        return Governance(part.rename, part.merge, part.ban, part.seeds, topics)

    def to_json(self) -> dict:
        """The file's content; what nobody decided is left out."""
        whole = self.with_memory(self)
        names, topics = dict(sorted(whole.rename.items())), dict(sorted(whole.topics.items()))
        return to_plain(replace(whole, rename=names, topics=topics), defaults=False)

    @classmethod
    def from_json(cls, row: Any, source: str = "The governance of topics") -> Governance:
        """Reads `to_json`; GovernanceError, which calls it `source`, if it breaks the schema or contradicts itself."""
        fault = json_schema.find_fault(row, json_schema.load_validator(_SCHEMA))
        if fault is not None:
            raise GovernanceError(f"{source} cannot be used: {fault}")
        return from_plain(cls, row)


def load_governance(path: str | os.PathLike) -> Governance:
    """Reads the file; no decisions if there is none. GovernanceError: it is not JSON, or see `from_json`."""
    path = Path(path)
    if not path.exists():
        return Governance()
    try:
        row = json_schema.decode_line(path.read_bytes())
    except ValueError as error:
        raise GovernanceError(f"{path} cannot be read: {error}") from error
    return Governance.from_json(row, str(path))


def check_governance(decided: Governance) -> Governance:
    """The decisions as the file would hold them; GovernanceError if they cannot be written."""
    return Governance.from_json(decided.to_json(), "The decision")


@contextlib.contextmanager
def edit_governance(path: str | os.PathLike) -> Iterator[list[Governance]]:
    """Edits the file, while others wait: the block replaces the list's one item; after an error nothing is changed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # a second editor waits, and then reads what the first wrote
        held = [load_governance(path)]
        yield held
        write_json(path, check_governance(held[0]).to_json())
    finally:
        os.close(folder)


def _flat(groups: Iterable[Iterable]) -> list:
    return [item for group in groups for item in group]
