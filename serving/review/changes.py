"""What the review page shows of corrections, refinements and versions, as plain data. Times have a time zone."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class State(enum.StrEnum):
    """How far a correction has come; the states of the ledger."""

    PROPOSED = "proposed"
    PREVIEWED = "previewed"
    IN_CANDIDATE = "in candidate"
    LIVE = "live"
    REVOKED = "revoked"


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
class Change:
    """A step in a correction's life: its state from then on, when, by whom, and the caption and version it brought."""

    state: State
    time: datetime
    by: str
    caption: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Correction:
    """A person's word that a clip's caption misses a topic.

    Attributes:
        id: of the ledger.
        video_id, topic_id, topic: the clip, and the topic with its name.
        author, time: who said so, and when.
        state: how far it has come.
        caption_before: what the model said.
        caption_after: what it says with the topic: the preview's, then the refined model's; None while not known.
        changes: its steps, oldest first, the proposal among them.
        note: a sentence on the preview, such as that no strength brings the topic's words in; may be empty.
        lacking: live, but the model that the next refinement starts from, which training left since, was not taught it.
    """

    id: str
    video_id: str
    topic_id: int
    topic: str
    author: str
    time: datetime
    state: State
    caption_before: str
    caption_after: str | None = None
    changes: tuple[Change, ...] = ()
    note: str = ""
    lacking: bool = False


@dataclass(frozen=True)
class Reason:
    """One thing that the gate looked at: a sentence, and whether it holds."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Metric:
    """A figure on validation before and after; higher is better."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a candidate.

    Attributes:
        blessed: whether it may be published.
        reasons: all that was looked at.
        culprits: the ids of the corrections that it failed by; none where it is blessed, or nobody in particular did.
        captions: a correction's id -> the candidate's caption of its clip.
        metrics: of the captions.
    """

    blessed: bool
    reasons: tuple[Reason, ...]
    culprits: tuple[str, ...] = ()
    captions: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()


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
class Version:
    """A version of the model.

    Attributes:
        version, parent: its name and that of the version it refines; None for a model as training left it.
        time, by: when it was made, and who asked for it.
        corrections: the ids of all in it, its ancestors' first.
        added: the ids of those that it adds to its parent.
        verdict: what the gate said, in a sentence.
        served: whether it answers now.
        waits: whether training left it since, and the next refinement starts from it.
        available: whether it can be rolled back to.
    """

    version: str
    parent: str | None
    time: datetime
    by: str
    corrections: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    verdict: str = ""
    served: bool = False
    waits: bool = False
    available: bool = True


@dataclass(frozen=True)
class HistoryEntry:
    """Something that was done: when, by whom, and what, in a sentence; with the clip or the version it was done to."""

    time: datetime
    by: str
    what: str
    video_id: str | None = None
    version: str | None = None
