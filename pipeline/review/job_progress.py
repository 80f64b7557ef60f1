"""How far a refinement has come, and how much longer it may take.

A refinement passes through stages in one order; by how many steps, nobody knows before. So each stage has a part of the
bar, as large as the time that it takes: in earlier refinements of the root or, before there is one, in a measured one.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

_ON_TIME = 0.9  # of a stage's part is full when its time is over; the rest fills ever more slowly
_TRUST = 0.5  # of the whole time: so much do the expected times count, beside those that this refinement took so far
_LATE = 2.0  # a stage that takes so many times what is expected may take any time


@dataclass(frozen=True)
class Stage:
    """Work that is told of in sentences with these first words, and the seconds that it took for one correction of the
    sample on two cores; 0 where it is mostly passed over."""

    words: tuple[str, ...]
    seconds: float


STAGES = (
    Stage(("Loading",), 11.0),
    Stage(("Finding",), 9.0),
    Stage(("Teaching",), 9.0),
    Stage(("Writing", "Measuring"), 28.0),
    Stage(("Naming",), 2.0),
    Stage(("Looking",), 0.0),
    Stage(("Exporting",), 17.0),
)


@dataclass(frozen=True)
class Told:
    """What a worker told of its work at a time; `share` of that work was done."""

    what: str
    share: float
    time: datetime


def stage_seconds(started: datetime, told: Sequence[Told], end: datetime) -> dict[int, float]:
    """Stage, by its place -> the seconds that were spent in it up to an end; those passed over are left out.

    Who comes to a stage is through with all before it. So the search for what the gate refuses is one stage, though it
    teaches and measures again.
    """
    begun = {0: started}
    for row in told:
        place = _place(row.what)
        if place is not None and place > max(begun):
            begun[place] = row.time
    ends = [*list(begun.values())[1:], max(end, *begun.values())]
    return {place: (after - before).total_seconds() for (place, before), after in zip(begun.items(), ends)}


def _place(what: str) -> int | None:
    first = what.partition(" ")[0]
    return next((place for place, stage in enumerate(STAGES) if first in stage.words), None)


def expected_seconds(earlier: Sequence[Mapping[int, float]]) -> tuple[float, ...]:
    """(stages,): what each stage is expected to take, from `stage_seconds` of earlier refinements that came to an end.

    A stage that none of them came to is as much slower or faster than the measured one as they are.
    """
    pace = statistics.median(
        [sum(one.values()) / max(sum(STAGES[place].seconds for place in one), 1.0) for one in earlier] or [1.0]
    )
    known = ([one[place] for one in earlier if place in one] for place in range(len(STAGES)))
    return tuple(
        (statistics.median(times) if times else pace * stage.seconds) if stage.seconds else 0.0
        for stage, times in zip(STAGES, known)
    )


def share_done(expected: Sequence[float], spent: Mapping[int, float]) -> float:
    """How much of the bar is full, 0 to below 1. It only grows: it depends on the stage that was reached and the time
    in it, and on nothing that is taken back."""
    here = max(spent)
    done = sum(expected[:here]) + expected[here] * _filled(spent[here], expected[here])
    return min(done / sum(expected), 0.99)


def _filled(seconds: float, expected: float) -> float:
    if not expected:
        return 0.0
    times = seconds / expected
    return _ON_TIME * times if times < 1 else 1 - (1 - _ON_TIME) / times


def seconds_left(expected: Sequence[float], spent: Mapping[int, float]) -> float | None:
    """What is left, at the pace so far; None where nobody knows: while the gate looks for what it refuses, or where a
    stage takes far longer than it did before."""
    here = max(spent)
    before = [place for place in spent if place < here]
    trust = _TRUST * sum(expected)
    pace = (sum(spent[place] for place in before) + trust) / (sum(expected[place] for place in before) + trust)
    if not expected[here] or spent[here] > _LATE * pace * expected[here]:
        return None
    return max(pace * expected[here] - spent[here], 0.0) + pace * sum(expected[here + 1 :])
