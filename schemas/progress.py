"""The one callback by which long work says how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told, in a line for people, what is being done.

    Call arguments:
        what: a few words without the share, such as "Reading the clips"; the same words while the same goes on.
        share: of it that is done, from 0 to 1; None where nobody knows.
    """

    def __call__(self, what: str, share: float | None = None, /) -> None: ...


def print_progress(what: str, share: float | None = None, /) -> None:
    """Prints every line that it is told, at once."""
    print(what, flush=True)


def no_progress(what: str, share: float | None = None, /) -> None:
    """Says nothing."""
