"""What the review page shows of corrections, refinements and versions: the records themselves, and what it adds."""

from __future__ import annotations

import enum
from datetime import datetime

from pydantic import computed_field
from pydantic.dataclasses import dataclass

from topiclens.schemas.corrections import Correction, Version
from topiclens.schemas.verdicts import Verdict


@dataclass(frozen=True)
class ReviewedCorrection(Correction):
    """A correction of the ledger.

    Attributes:
        note: a sentence on the preview, such as that no strength brings the topic's words in; may be empty.
        lacking: live, but the model that the next refinement starts from, which training left since, was not taught it.
    """

    note: str = ""
    lacking: bool = False

    # The API tells them beside the events, from which they follow.
    state = computed_field(Correction.state)
    caption_after = computed_field(Correction.caption_after)
    model_after = computed_field(Correction.model_after)


@dataclass(frozen=True)
class ReviewedVersion(Version):
    """A version of the ledger.

    Attributes:
        carried: the ids of all corrections in it, its ancestors' first.
        served: whether it answers now.
        waits: whether training left it since, and the next refinement starts from it.
        available: whether it can be rolled back to.
    """

    carried: tuple[str, ...] = ()
    served: bool = False
    waits: bool = False
    available: bool = True


class JobState(enum.StrEnum):
    """How far a refinement has come.

    RUNNING: it learns, or the gate looks at what it learnt. BLESSED: its candidate waits to be published. REFUSED: the
    gate said no, and the corrections are as before. FAILED: it broke off. PUBLISHED: its candidate is served.
    SUPERSEDED: a later refinement took its place before it was published.
    """

    RUNNING = "running"
    BLESSED = "blessed"
    REFUSED = "refused"
    FAILED = "failed"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class RefinementJob:
    """A refinement: a batch of corrections on its way into the model, or one on its way out of it.

    Attributes:
        id: of this refinement.
        title: what it does, such as "3 corrections to version 2".
        state: how far it is.
        by, started: who asked for it, and when.
        corrections: the ids of those it teaches, or takes out.
        lines: what it has done so far, for people, oldest first.
        share: done, 0 to 1.
        verdict: the gate's; None until there is one.
        error: why it failed, in a sentence; empty unless it did.
        candidate: the version that it makes; None while it has no name.
        takes_back: the ids of the live corrections that cease to be live once it is published.
    """

    id: str
    title: str
    state: JobState
    by: str
    started: datetime
    corrections: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    share: float = 0.0
    verdict: Verdict | None = None
    error: str = ""
    candidate: str | None = None
    takes_back: tuple[str, ...] = ()


@dataclass(frozen=True)
class HistoryEntry:
    """Something that was done: when, by whom, and what, in a sentence; with the clip or the version it was done to."""

    time: datetime
    by: str
    what: str
    video_id: str | None = None
    version: str | None = None
