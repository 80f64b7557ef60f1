"""What the review page shows: clips and topics; corrections, refinements and versions, with what it adds to them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic

from topiclens.schemas.corrections import Correction, Version
from topiclens.schemas.timelines import TopicScore, TopicTimeline
from topiclens.schemas.verdicts import Verdict


@pydantic.dataclasses.dataclass(frozen=True)
class ReviewedCorrection(Correction):
    """A correction of the ledger.

    Attributes:
        note: a sentence on the preview, such as that no strength brings the topic's words in; may be empty.
        lacking: live, but the model that the next refinement starts from, which training left since, was not taught it.
    """

    note: str = ""
    lacking: bool = False

    # The API tells them beside the events, from which they follow.
    state = pydantic.computed_field(Correction.state)
    caption_after = pydantic.computed_field(Correction.caption_after)
    model_after = pydantic.computed_field(Correction.model_after)


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


@dataclass(frozen=True)
class TopicChoice:
    """A topic that neurons may carry.

    Attributes:
        id: stable, and what `what_if` and `propose` take.
        name: what people call it.
        words: its words, the most telling first.
        neurons: how many carry it; where none does, there is nothing to enhance.
    """

    id: int
    name: str
    words: tuple[str, ...]
    neurons: int


@dataclass(frozen=True)
class QueueItem:
    """A clip that may be worth a person's look.

    Attributes:
        video_id: any text; it is unique, and is never made part of a path or an address's path.
        caption: what the served model writes.
        score: of acquisition, how much a correction is expected to help, 0 to 1; the queue is ordered by it.
        reasons: why, each a few words for people, such as "unsure: 0.31 a word".
        picture: the number of the frame that stands for the clip; None where there is no picture of it.
        corrections: how many corrections of it are not revoked.
    """

    video_id: str
    caption: str
    score: float
    reasons: tuple[str, ...]
    picture: int | None = None
    corrections: int = 0


@dataclass(frozen=True)
class QueuePage:
    """Some of the clips, those with the highest scores first, and how many there are in all."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True)
class CaptionWord:
    """A word, and how much of it comes from each frame: `attention` (frames,) adds up to 1; empty if not known."""

    text: str
    attention: tuple[float, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """A topic that the caption may miss.

    Attributes:
        topic_id, name: the topic.
        reason: why, in words, such as "2 of 5 people say “dancing”".
        strength: the smallest that brings its words into the caption; None where that was not tried, or none does.
    """

    topic_id: int
    name: str
    reason: str
    strength: float | None = None


@dataclass(frozen=True)
class ClipPage:
    """One clip with the evidence.

    Attributes:
        video_id, caption: as of `QueueItem`.
        version: the version of the model that wrote the caption.
        words: of the caption, in order.
        frames: how many the model sees.
        pictures: whether `ReviewBackend.frame` has them; datasets that bring features alone have none.
        seconds: (frames,) when each is shown; empty where only features are known.
        playable: whether `ReviewBackend.video` has a file.
        references: what people wrote about it; none for new clips.
        reasons: as of `QueueItem`.
        scores: of all topics, the highest first; empty where the model never learnt any (LSTM-B).
        timelines: of the topics that the model sees most and of those suggested.
        suggestions: topics that the caption may miss, the likeliest first.
        corrections: all of this clip, newest first.
        next_id: the next clip of the queue; None after the last.
    """

    video_id: str
    caption: str
    version: str
    words: tuple[CaptionWord, ...]
    frames: int
    pictures: bool = False
    seconds: tuple[float, ...] = ()
    playable: bool = False
    references: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    scores: tuple[TopicScore, ...] = ()
    timelines: tuple[TopicTimeline, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    corrections: tuple[ReviewedCorrection, ...] = ()
    next_id: str | None = None


@dataclass(frozen=True)
class VideoFile:
    """A file that browsers can play, and where in it the clip lies (seconds; None: from its start, to its end)."""

    path: Path
    media_type: str  # video/mp4, video/webm or video/ogg
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class WhatIfResult:
    """What the served model would say if it saw more (or less) of some topics.

    Attributes:
        caption: the one written.
        scores: of all topics, the highest first; empty as of `ClipPage`.
        milliseconds: that the answer took.
    """

    caption: str
    scores: tuple[TopicScore, ...]
    milliseconds: float


@dataclass(frozen=True)
class NewCaption:
    """What the served model says of a clip that somebody uploaded; `scores` as of `ClipPage`, empty if not known."""

    caption: str
    scores: tuple[TopicScore, ...] = ()
