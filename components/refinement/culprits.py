"""Which of several corrections a candidate fails by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def culprits(
    batch: Sequence[Item], passes: Callable[[Sequence[Item]], bool], suspects: Sequence[Item] = ()
) -> tuple[list[Item], list[Item]]:
    """Finds the items without which the rest of a batch passes.

    The shortest first part of the batch that fails is found by bisection; its last item turned a passing batch into a
    failing one, and is taken out. That is repeated until the rest passes: about log2(n) trials an item. Where a check
    names items, leaving these out is tried first.

    Args:
        batch: fails.
        passes: whether a part of the batch does, in the order of the batch; it is never asked about none.
        suspects: those that a failed check is about.
    Returns:
        the culprits, and the rest, which passes or is empty.
    """
    rest, found = list(batch), []
    if suspects and len(suspects) < len(rest):
        innocent = [item for item in rest if item not in suspects]
        if passes(innocent):
            return [item for item in rest if item in suspects], innocent
    while rest:
        passing, failing = 0, len(rest)  # so many of the first ones pass, and so many fail
        while failing - passing > 1:
            middle = (passing + failing) // 2
            if passes(rest[:middle]):
                passing = middle
            else:
                failing = middle
        found.append(rest.pop(failing - 1))
        if not rest or passes(rest):
            break
    return found, rest
