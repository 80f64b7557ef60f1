"""The callback by which long work says how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that shows people what is being done.

    Call arguments:
        what: a few words, such as "Reading the clips"; the same words for the same work.
        share: the part of it that is done, from 0 to 1; None if it is unknown.
    """

    def __call__(self, what: str, share: float | None = None, /) -> None: ...


def print_progress(what: str, share: float | None = None, /) -> None:
    """Prints a line each time."""
    print(what, flush=True)


def no_progress(what: str, share: float | None = None, /) -> None:
    """Says nothing."""
