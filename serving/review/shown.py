"""What the review page shows: clips and topics; corrections, refinements and versions, with what it adds to them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic

from topiclens.schemas.corrections import Correction, Version
from topiclens.schemas.timelines import ExplainedWord, TopicScore, TopicTimeline
from topiclens.schemas.verdicts import Verdict


@pydantic.dataclasses.dataclass(frozen=True)
class ReviewedCorrection(Correction):
    """A correction of the ledger."""

    note: str = ""  # a sentence on the preview, such as that no strength brings the topic's words in
    lacking: bool = False  # live, but training left a model since that was not taught it: the next is made from that

    # The API tells them beside the events, from which they follow.
    state = pydantic.computed_field(Correction.state)
    caption_after = pydantic.computed_field(Correction.caption_after)
    model_after = pydantic.computed_field(Correction.model_after)


@dataclass(frozen=True)
class ReviewedVersion(Version):
    """A version of the ledger."""

    carried: tuple[str, ...] = ()  # the ids of all corrections in it, its ancestors' first
    served: bool = False  # it answers now
    waits: bool = False  # training left it since, and the next refinement starts from it
    available: bool = True  # it can be rolled back to


class JobState(enum.StrEnum):
    """How far a refinement has come."""

    RUNNING = "running"  # it learns, or the gate looks at what it learnt
    BLESSED = "blessed"  # its candidate waits to be published
    REFUSED = "refused"  # by the gate
    FAILED = "failed"  # it broke off
    PUBLISHED = "published"  # its candidate is served
    SUPERSEDED = "superseded"  # a later refinement took its place before it was published


@dataclass(frozen=True)
class RefinementJob:
    """A refinement: a batch of corrections on its way into the model, or one on its way out of it."""

    id: str
    title: str  # what it does, such as "3 corrections to version 2"
    state: JobState
    by: str
    started: datetime
    corrections: tuple[str, ...] = ()  # the ids of those it teaches, or takes out
    lines: tuple[str, ...] = ()  # what it has done so far, oldest first
    share: float = 0.0  # of it that is done, 0 to 1
    verdict: Verdict | None = None  # the gate's, once there is one
    error: str = ""  # why it failed, in a sentence
    candidate: str | None = None  # the version that it makes, once it has a name
    takes_back: tuple[str, ...] = ()  # the ids of the live corrections that cease to be live once it is published


@dataclass(frozen=True)
class HistoryEntry:
    """Something that was done, in a sentence; with the clip or the version it was done to."""

    time: datetime
    by: str
    what: str
    video_id: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class TopicChoice:
    """A topic that a caption may miss."""

    id: int
    name: str
    words: tuple[str, ...]  # the most telling first
    neurons: int  # how many carry it; where none does, there is nothing to enhance


@dataclass(frozen=True)
class QueueItem:
    """A clip that may be worth a person's look."""

    video_id: str  # any text; never made part of a path or of an address's path
    caption: str  # that the served model writes
    score: float  # of acquisition, 0 to 1: how much a correction is expected to help; the queue is ordered by it
    reasons: tuple[str, ...]  # why, each a few words, such as "unsure: 0.31 a word"
    picture: int | None = None  # the number of the frame that stands for the clip; None where there is none
    corrections: int = 0  # of it that are not revoked


@dataclass(frozen=True)
class QueuePage:
    """Some of the clips, those with the highest scores first, and how many there are in all."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True)
class Suggestion:
    """A topic that the caption may miss, and why, such as "2 of 5 people say “dancing”"."""

    topic_id: int
    name: str
    reason: str
    strength: float | None = None  # the smallest that brings its words in; None where none does, or none was tried


@dataclass(frozen=True)
class ClipPage:
    """One clip with the evidence."""

    video_id: str
    caption: str
    version: str  # of the model that wrote the caption
    words: tuple[ExplainedWord, ...]  # of the caption, in order: where each looks, and what speaks for it
    frames: int  # how many the model sees
    pictures: bool = False  # whether `ReviewBackend.frame` has them; datasets that bring features alone have none
    seconds: tuple[float, ...] = ()  # (frames,), when each is shown; empty where only features are known
    playable: bool = False  # whether `ReviewBackend.video` has a file
    references: tuple[str, ...] = ()  # what people wrote about it
    reasons: tuple[str, ...] = ()  # as of `QueueItem`
    scores: tuple[TopicScore, ...] = ()  # of all topics, the highest first; empty where there are none (LSTM-B)
    timelines: tuple[TopicTimeline, ...] = ()  # of the topics that the model sees most and of those suggested
    suggestions: tuple[Suggestion, ...] = ()  # the likeliest first
    corrections: tuple[ReviewedCorrection, ...] = ()  # of this clip, newest first
    next_id: str | None = None  # the next clip of the queue; None after the last


@dataclass(frozen=True)
class VideoFile:
    """A file that browsers can play, and where in it the clip lies (seconds; None: from its start, to its end)."""

    path: Path
    media_type: str  # video/mp4, video/webm or video/ogg
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class WhatIfResult:
    """What the served model would say if it saw more (or less) of some topics; `scores` as of `ClipPage`."""

    caption: str
    scores: tuple[TopicScore, ...]
    milliseconds: float


@dataclass(frozen=True)
class NewCaption:
    """What the served model says of a clip that somebody uploaded; `scores` as of `ClipPage`."""

    caption: str
    scores: tuple[TopicScore, ...] = ()
